"""What the site as a whole keeps."""

from django.db import models

from background.models import LeasedRow


class Digest(LeasedRow):
    """The daily mail of what needs an administrator: one row, due once a day."""

    done_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Digest {self.pk}"


class CacheRow(models.Model):
    """A value that every web process sees, such as how often somebody tried to log in."""

    key = models.CharField(max_length=64, primary_key=True)
    value = models.JSONField(null=True)
    # NULL: until it is deleted.
    expires_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return f"Cache row {self.pk}"
