"""What the site as a whole keeps."""

from django.db import models

from background.models import LeasedRow


class Digest(LeasedRow):
    """The daily mail of what needs an administrator: one row, due once a day."""

    done_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Digest {self.pk}"
