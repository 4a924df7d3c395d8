"""Services, their API keys, the customers of a service and the links that hold their tokens."""

import secrets
import uuid
from typing import TypeAlias

from django.conf import settings
from django.db import models

from background.models import LeasedRow
from foundation.crypto import EncryptedTextField
from integrations.mirrors import AnnotationSnapshot, Application, ListedToken, Mirror, NotificationRecord
from integrations.querysets import CustomerQuerySet, LinkQuerySet, ServiceQuerySet
from integrations.states import ACTIVE, CustomerStatus, LinkState

__all__ = [
    "AnnotationSnapshot",
    "ApiKey",
    "Application",
    "Customer",
    "KeyRotation",
    "Link",
    "ListedToken",
    "Mirror",
    "NotificationRecord",
    "RemoteState",
    "ReviewerAccess",
    "Service",
]


def _webhook_secret() -> str:
    return secrets.token_urlsafe(32)


class Service(LeasedRow):
    """What we offer inside Clarius Cloud; its lease is the poll, its `not_before` the next poll."""

    class Take(models.TextChoices):
        """What to do with exams that were submitted before the connection."""

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
    # What the Cloud shall be told: our webhook, and our connect page. Off means that "" is pushed.
    is_notified = models.BooleanField(default=True)
    is_connectable = models.BooleanField(default=True)
    webhook_secret = EncryptedTextField(default=_webhook_secret, editable=False)
    # Secrets that were replaced open the webhook until then; a space lies between two.
    previous_webhook_secret = EncryptedTextField(blank=True, default="", editable=False)
    previous_webhook_until = models.DateTimeField(null=True, blank=True, editable=False)
    # Each of these may be the one that the Cloud has: a push got no answer, and no look has told since.
    unsettled_webhook_secrets = EncryptedTextField(blank=True, default="", editable=False)
    # One change of settings or keys at a time: until then, or when the last one ended.
    change_until = models.DateTimeField(null=True, blank=True, editable=False)
    take = models.CharField(max_length=10, choices=Take.choices, default=Take.NEW)
    take_since = models.DateTimeField(null=True, blank=True)
    report_api = models.CharField(max_length=4, choices=[("post", "POST"), ("put", "PUT")], default="post")
    created_at = models.DateTimeField(auto_now_add=True)
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
            ("manage_service", "Can manage API keys and what Clarius Cloud is told of a service"),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """A key of the service; the secret half is sealed and never shown."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="api_keys")
    prefix = models.CharField(max_length=16)
    name = models.CharField(max_length=100, blank=True)
    secret = EncryptedTextField(editable=False)
    is_in_use = models.BooleanField(default=False)
    in_use_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.UniqueConstraint(fields=["service", "prefix"], name="integrations_apikey_prefix_unique"),
            models.UniqueConstraint(
                fields=["service"],
                condition=models.Q(is_in_use=True),
                name="integrations_apikey_one_in_use",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"


class KeyRotation(LeasedRow):
    """One replacement of the key in use, step by step, so that whoever resumes it finds a working key."""

    class Step(models.TextChoices):
        INTENDED = "intended", "about to make a key"
        STORED = "stored", "made and stored"
        PROVEN = "proven", "proven to work"
        SWITCHED = "switched", "in use"
        DRAINING = "draining", "waiting for calls with the old key"
        DONE = "done", "done"
        FAILED = "failed", "given up"

    ENDED = (Step.DONE, Step.FAILED)

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="key_rotations")
    # The new key bears it at the Cloud: a key of this name whose secret we do not have is ours to revoke.
    name = models.CharField(max_length=50, unique=True)
    step = models.CharField(max_length=10, choices=Step.choices, default=Step.INTENDED)
    cause = models.CharField(max_length=20)
    old_prefix = models.CharField(max_length=16, blank=True)
    new_prefix = models.CharField(max_length=16, blank=True)
    # Rows that workers held when the key was switched: [model, primary key, lease token].
    held_rows = models.JSONField(default=list, blank=True, editable=False)
    problem = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    switched_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["service"],
                condition=~models.Q(step__in=["done", "failed"]),
                name="integrations_keyrotation_one_open",
            )
        ]

    def __str__(self) -> str:
        return self.name


class RemoteState(LeasedRow):
    """What the Cloud said last of a service's settings and keys, masked; its lease is the hourly look."""

    class Verdict(models.TextChoices):
        UNKNOWN = "unknown", "not read yet"
        SAME = "same", "as wanted"
        OFF = "off", "turned off at the Cloud"
        PREVIOUS = "previous", "still our previous address"
        OURS = "ours", "another address of this portal"
        FOREIGN = "foreign", "another deployment's address"

    service = models.OneToOneField(Service, on_delete=models.CASCADE, related_name="remote")
    notification_url = models.CharField(max_length=500, blank=True)
    notification_verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.UNKNOWN)
    token_transfer_url = models.CharField(max_length=500, blank=True)
    token_transfer_verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.UNKNOWN)
    # [{"prefix", "name", "created"}] as the Cloud lists them.
    keys = models.JSONField(default=list, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    drifted_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"Remote state {self.pk}"


class Customer(models.Model):
    """One user of the service, known by a token that is sealed and found by its keyed hash."""

    Standing: TypeAlias = CustomerStatus

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="customers")
    token = EncryptedTextField(editable=False)
    token_digest = models.CharField(max_length=64, editable=False)
    label = models.CharField(max_length=200, blank=True)
    institution = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When a whole walk last found it among the confirmed tokens, and how many since then did not.
    listed_at = models.DateTimeField(null=True, blank=True, editable=False)
    missed_walk_count = models.PositiveSmallIntegerField(default=0, editable=False)
    missed_at = models.DateTimeField(null=True, blank=True, editable=False)
    invited_at = models.DateTimeField(null=True, blank=True, editable=False)
    invited_email = models.EmailField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        permissions = [("operate_customer", "Can confirm, transfer and invite customers, and mark them gone")]
        constraints = [
            models.UniqueConstraint(
                fields=["service", "token_digest"], name="integrations_customer_token_unique"
            )
        ]

    def __str__(self) -> str:
        return self.label or f"Customer {self.token_digest[:4].upper()}"


class Link(LeasedRow):
    """A portal account holds a customer's token; its lease is the confirmation at the Cloud."""

    State: TypeAlias = LinkState
    ACTIVE = ACTIVE

    # The one reason that tells of a person's decision where the state tells of the Cloud's.
    MARKED = "An administrator of this portal ended this link."

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="links")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="links")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=300, blank=True)
    detail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = LinkQuerySet.as_manager()

    class Meta:
        permissions = [("operate_link", "Can check links again and suspend them")]
        constraints = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(state__in=[LinkState.PENDING, LinkState.CONFIRMED]),
                name="integrations_link_one_active",
            )
        ]

    def __str__(self) -> str:
        return str(self.uuid)

    @property
    def is_marked(self) -> bool:
        """Tell whether an administrator marked it as gone."""
        return self.reason == self.MARKED


class ReviewerAccess(models.Model):
    """A reviewer sees the exams of the services granted here, one by one."""

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
