"""The services that the portal offers inside Clarius Cloud, and who may review their exams."""

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

from background.models import LeasedRow
from foundation.crypto import EncryptedTextField
from integrations.models.querysets import ServiceQuerySet

# A Cloud that dates its answers further away has a wrong clock itself, or sends no real date.
LARGEST_OFFSET = timedelta(days=1)


def _webhook_secret() -> str:
    return secrets.token_urlsafe(32)


class Service(LeasedRow):
    """A service in Clarius Cloud; its lease is the poll and its `not_before` the next poll."""

    class Take(models.TextChoices):
        """Which exams of the backlog, submitted before the connection, are fetched."""

        ALL = "all", "all"
        SINCE = "since", "since a date"
        NEW = "new", "new ones only"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    base_url = models.CharField(max_length=500)
    is_active = models.BooleanField(default=True)
    is_registered = models.BooleanField(default=False)
    is_poll_only = models.BooleanField(default=False)
    is_sandbox = models.BooleanField(default=False)
    # Whether the Cloud gets the address of our webhook and of our connect page; off pushes "".
    is_notified = models.BooleanField(default=True)
    is_connectable = models.BooleanField(default=True)
    webhook_secret = EncryptedTextField(default=_webhook_secret, editable=False)
    # Replaced secrets, separated by spaces, are accepted until then.
    previous_webhook_secret = EncryptedTextField(blank=True, default="", editable=False)
    previous_webhook_until = models.DateTimeField(null=True, blank=True, editable=False)
    # The Cloud may have any of these: a push got no answer, and its settings have not been read since.
    unsettled_webhook_secrets = EncryptedTextField(blank=True, default="", editable=False)
    # The lock for changes of settings and keys: held until then, or the time at which the last one ended.
    change_until = models.DateTimeField(null=True, blank=True, editable=False)
    take = models.CharField(max_length=10, choices=Take.choices, default=Take.NEW)
    take_since = models.DateTimeField(null=True, blank=True)
    report_api = models.CharField(max_length=4, choices=[("post", "POST"), ("put", "PUT")], default="post")
    created_at = models.DateTimeField(auto_now_add=True)
    # The same moment by the Cloud's clock, which stamps the exams; null until its first dated answer.
    connected_at = models.DateTimeField(null=True, blank=True, editable=False)
    # How far the Cloud's clock was ahead of ours in the latest poll.
    clock_offset = models.DurationField(null=True, blank=True, editable=False)
    full_poll_due_at = models.DateTimeField(null=True, blank=True)
    polled_at = models.DateTimeField(null=True, blank=True)
    full_polled_at = models.DateTimeField(null=True, blank=True)
    remote_count = models.PositiveIntegerField(null=True, blank=True)
    circuit_opened_at = models.DateTimeField(null=True, blank=True)
    circuit_probe_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        permissions = [
            ("operate_service", "Can poll services, probe their keys and pause them"),
            ("manage_service", "Can manage the API keys of a service and its settings at Clarius Cloud"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def start(self) -> datetime:
        """The time of the connection by the Cloud's clock, as far as it is known."""
        return self.connected_at or self.created_at

    def by_cloud(self, at: datetime) -> datetime:
        """Return a time of our clock by the Cloud's clock, as measured in the latest poll."""
        offset = self.clock_offset or timedelta()
        return at + offset if abs(offset) <= LARGEST_OFFSET else at


class ReviewerAccess(models.Model):
    """Grants a reviewer the exams of one service."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="service_access"
    )
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="reviewer_access")
    granted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "reviewer access"
        constraints = [
            models.UniqueConstraint(fields=["user", "service"], name="integrations_revieweraccess_unique")
        ]

    def __str__(self) -> str:
        return f"{self.user} → {self.service}"
