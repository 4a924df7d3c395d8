"""The sandbox's data: one service, its customers, their submissions and the reports."""

import hashlib
import secrets
import uuid
from pathlib import Path
from typing import Any

from django.db import models
from django.utils import timezone
from rest_framework_api_key.models import AbstractAPIKey


def new_token() -> str:
    """Return a customer token: 43 url-safe characters, as in every documented example."""
    return secrets.token_urlsafe(32)


class Service(models.Model):
    """The one service of this sandbox and its settings; "" means off."""

    notification_url = models.CharField(max_length=2000, blank=True)
    token_transfer_url = models.CharField(max_length=2000, blank=True)

    # The delivery mode of notifications: send, drop, repeat or delay.
    notify_mode = models.CharField(max_length=10, default="send")

    def __str__(self) -> str:
        return "Service"

    @classmethod
    def get(cls) -> "Service":
        """Return the service; create it on the first call."""
        return cls.objects.get_or_create(pk=1)[0]


class ServiceKey(AbstractAPIKey):
    """An API key: 8 characters, a dot, 32 characters, shown once."""

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "API key"


class Customer(models.Model):
    """One user of the service, a member of an institution."""

    name = models.CharField(max_length=100)
    institution = models.CharField(max_length=100, blank=True)
    token = models.CharField(max_length=200, unique=True, default=new_token)
    is_subscribed = models.BooleanField(default=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class Submission(models.Model):
    """One time that a customer sent an exam to the service."""

    request_uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    exam_uuid = models.UUIDField(default=uuid.uuid4)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="submissions")
    title = models.CharField(max_length=200, blank=True)
    patient = models.JSONField(default=dict)
    extra = models.JSONField(default=dict)
    submitted_at = models.DateTimeField(default=timezone.now, db_index=True)
    # Until then the data call answers "not ready".
    ready_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-submitted_at", "-id"]

    def __str__(self) -> str:
        return str(self.request_uuid)


class Capture(models.Model):
    """One image or video of a submission; `path` is relative to the sandbox's folder."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="captures")
    position = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=200)
    path = models.CharField(max_length=500)
    content_type = models.CharField(max_length=100)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class Report(models.Model):
    """A report that the service sent for a submission."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="reports")
    name = models.CharField(max_length=200, blank=True)
    file_name = models.CharField(max_length=100)
    path = models.CharField(max_length=500)
    content_type = models.CharField(max_length=100, blank=True)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-received_at", "-id"]

    def __str__(self) -> str:
        return self.file_name


class NotificationRecord(models.Model):
    """The log of one call to the service's webhook, kept for 14 days."""

    submission = models.ForeignKey(Submission, null=True, blank=True, on_delete=models.SET_NULL)
    url = models.CharField(max_length=2000)
    content = models.TextField()
    response = models.JSONField(null=True, blank=True)
    error = models.CharField(max_length=500, null=True, blank=True)  # noqa: DJ001 - null is what the API answers
    sent_at = models.DateTimeField()
    logged_at = models.DateTimeField()

    class Meta:
        ordering = ["-logged_at", "-id"]

    def __str__(self) -> str:
        return f"{self.sent_at:%Y-%m-%d %H:%M:%S}"


class Application(models.Model):
    """An exam preset; its annotations may be customized for the service's users."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    name = models.CharField(max_length=100)
    # NULL: not customized. An empty list: customized to no annotations.
    annotations = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Fault(models.Model):
    """A fault for the next `times` calls of an endpoint."""

    match = models.CharField(max_length=40)
    kind = models.CharField(max_length=40)
    times = models.PositiveIntegerField(default=1)
    options = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.kind} on {self.match}"


class Call(models.Model):
    """A received call; of its key only whether one was sent."""

    endpoint = models.CharField(max_length=40)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=2000)
    has_authorization = models.BooleanField()
    status = models.IntegerField(null=True)
    fault = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


class LinkEpoch(models.Model):
    """Media links issued before this time have expired."""

    expired_before = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.expired_before}"


def file_facts(path: Path) -> dict[str, Any]:
    """Return `sha256` and `size` (bytes) of a file."""
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "size": path.stat().st_size}
