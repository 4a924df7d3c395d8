"""Maintenance tasks."""

from django.db import models

from background.models import LeasedRow


class MaintenanceTask(LeasedRow):
    """Work that repeats: after each run, the row is due again later."""

    class Name(models.TextChoices):
        CLEAR_SESSIONS = "clear_sessions", "remove expired sessions"
        COLLECT_FILES = "collect_files", "remove orphaned files"
        VERIFY_FILES = "verify_files", "hash a sample of the files again"
        REMOVE_SIGNUPS = "remove_signups", "remove sign-ups that connected nothing"

    name = models.CharField(max_length=20, choices=Name.choices, unique=True)
    done_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.get_name_display()
