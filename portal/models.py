"""The daily mail and the rows of the cache."""

from django.db import models

from background.models import LeasedRow
from foundation.crypto import EncryptedTextField


class Digest(LeasedRow):
    """The daily mail about problems: one row, due once a day."""

    done_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Digest {self.pk}"


class CacheRow(models.Model):
    """A cached value that all web processes share, such as a count of failed logins."""

    key = models.CharField(max_length=64, primary_key=True)
    # JSON.
    value = EncryptedTextField()
    # NULL: until it is deleted.
    expires_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return f"Cache row {self.pk}"
