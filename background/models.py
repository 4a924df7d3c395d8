"""The base of all rows that workers lease, and the models for heartbeats and mail."""

from django.db import models
from django.db.models.functions import Now

from foundation.crypto import EncryptedTextField, lookup_digest


class LeasedRow(models.Model):
    """A row that is due at `not_before` and leased by at most one worker until `lease_until`."""

    # Counted when the row is acquired, so that an attempt that kills its process counts too.
    attempt_count = models.PositiveIntegerField(default=0, editable=False)
    first_tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    # NULL: there is nothing to do.
    not_before = models.DateTimeField(null=True, blank=True, db_index=True, editable=False)
    # Until then a message for this row is expected to be under way.
    nudged_until = models.DateTimeField(null=True, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    # Grows with every lease; a worker with an older number can no longer write.
    lease_token = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        abstract = True


class Heartbeat(models.Model):
    """A worker or beat process: when it was last alive and when it last acquired a row."""

    class Name(models.TextChoices):
        WORKER = "worker", "worker"
        BEAT = "beat", "beat"

    name = models.CharField(max_length=20, choices=Name.choices)
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_index=True)
    acquired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "process"
        verbose_name_plural = "processes"
        constraints = [
            models.UniqueConstraint(fields=["name", "host", "pid"], name="background_heartbeat_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.host}:{self.pid}"


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    """Mails by their recipient."""

    def to(self, address: str) -> "OutgoingMailQuerySet":
        """Keep the mails to exactly this address, in upper or lower case."""
        return self.filter(recipient_digest=lookup_digest(address.strip().lower()))


class OutgoingMail(LeasedRow):
    """A mail that is queued, sent or failed. Recipient and text never appear in a log.

    The text may contain a code or a personal link, so it is kept only until the mail is sent.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "waiting"
        SENT = "sent", "sent"
        FAILED = "failed", "not sent"

    recipient = EncryptedTextField()
    # Finds the mails to an address.
    recipient_digest = models.CharField(max_length=64, db_index=True, editable=False)
    subject = models.CharField(max_length=200)
    body = EncryptedTextField(blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    failure_reason = models.CharField(max_length=300, blank=True)
    failure_detail = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = OutgoingMailQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "outgoing mail"

    def __str__(self) -> str:
        return f"Mail {self.pk}"
