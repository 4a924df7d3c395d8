"""A service's API keys and their rotation."""

from django.db import models

from background.models import LeasedRow
from foundation.crypto import EncryptedTextField
from integrations.models.service import Service


class ApiKey(models.Model):
    """A key of the service; its secret is stored encrypted and never shown."""

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
    """One rotation of the key in use, stored step by step: whoever resumes it finds a working key."""

    class Step(models.TextChoices):
        INTENDED = "intended", "about to create a key"
        STORED = "stored", "created and stored"
        PROVEN = "proven", "tested"
        SWITCHED = "switched", "in use"
        DRAINING = "draining", "waiting for calls with the old key"
        DONE = "done", "done"
        FAILED = "failed", "given up"

    ENDED = (Step.DONE, Step.FAILED)

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="key_rotations")
    # The new key has this name at the Cloud. A key of this name whose secret was lost can be revoked safely.
    name = models.CharField(max_length=50, unique=True)
    step = models.CharField(max_length=10, choices=Step.choices, default=Step.INTENDED)
    cause = models.CharField(max_length=20)
    old_prefix = models.CharField(max_length=16, blank=True)
    new_prefix = models.CharField(max_length=16, blank=True)
    # Rows that workers leased when the key was switched: [model, primary key, lease token].
    leased_rows = models.JSONField(default=list, blank=True, editable=False)
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
