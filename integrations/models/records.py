"""Copies of the Cloud's lists, and its log of notifications."""

from django.db import models

from background.models import LeasedRow
from foundation.crypto import EncryptedTextField


class Sync(LeasedRow):
    """The daily sync of one of a service's lists at the Cloud; its lease is the reading."""

    class Kind(models.TextChoices):
        CUSTOMERS = "customers", "confirmed customers"
        RECORDS = "records", "notification records"
        APPLICATIONS = "applications", "applications"

    service = models.ForeignKey("integrations.Service", on_delete=models.CASCADE, related_name="syncs")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    read_at = models.DateTimeField(null=True, blank=True)
    # The next three describe the reading in progress, or the last one.
    started_at = models.DateTimeField(null=True, blank=True)
    seen_count = models.PositiveIntegerField(default=0)
    expected_count = models.PositiveIntegerField(null=True, blank=True)
    result = models.CharField(max_length=300, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    problem_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "kind"], name="integrations_sync_one_of_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class ListedToken(models.Model):
    """A token from the sync in progress, stored until the whole list was read."""

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="tokens", db_index=False)
    token = EncryptedTextField(editable=False)
    token_digest = models.CharField(max_length=64, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sync", "token_digest"], name="integrations_listedtoken_unique")
        ]

    def __str__(self) -> str:
        return f"Token {self.pk}"


class NotificationRecord(models.Model):
    """The Cloud's log of one call to our webhook, masked, and kept longer than at the Cloud."""

    class Outcome(models.TextChoices):
        ANSWERED = "answered", "answered"
        FAILED = "failed", "failed"
        UNCLEAR = "unclear", "neither answer nor error"

    service = models.ForeignKey(
        "integrations.Service", on_delete=models.CASCADE, related_name="notification_records", db_index=False
    )
    # A keyed hash of time, address and content, since the Cloud gives no identifier.
    fingerprint = models.CharField(max_length=64, editable=False)
    logged_at = models.DateTimeField()
    sent_at = models.DateTimeField()
    latency_ms = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    url = models.CharField(max_length=500)
    is_ours = models.BooleanField(default=False)
    method = models.CharField(max_length=20)
    content = models.TextField(blank=True)
    response = models.TextField(blank=True)
    error = models.CharField(max_length=500, blank=True)
    # From the content, where it is readable.
    request_uuid = models.UUIDField(null=True, blank=True)
    read_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["service", "fingerprint"], name="integrations_notificationrecord_unique"
            )
        ]
        indexes = [
            models.Index(fields=["service", "-sent_at"], name="integrations_record_newest"),
            models.Index(fields=["request_uuid"], name="integrations_record_request"),
        ]

    def __str__(self) -> str:
        return f"Record {self.pk}"
