"""Imports of the backlog, the exams that were submitted before the connection."""

from django.conf import settings
from django.db import models

from background.models import LeasedRow
from integrations.models import Customer, Service


class BacklogImport(LeasedRow):
    """An import of exams from the backlog, newest first; its lease is for the import."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="backlog_imports")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    # Submitted at or after `since` and before `until`; empty: no bound.
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    total_count = models.PositiveIntegerField(default=0)
    imported_count = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True, blank=True)
    is_stopped = models.BooleanField(default=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["service"],
                condition=models.Q(ended_at=None),
                name="exams_backlogimport_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"Backlog import {self.pk}"
