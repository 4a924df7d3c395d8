"""A service's settings and keys as the Cloud has them."""

from django.db import models

from background.models import LeasedRow
from integrations.models.service import Service


class RemoteState(LeasedRow):
    """A service's settings and keys as last read from the Cloud, masked; its lease is the hourly reading."""

    class Status(models.TextChoices):
        UNKNOWN = "unknown", "not read yet"
        SAME = "same", "matches"
        OFF = "off", "turned off at the Cloud"
        PREVIOUS = "previous", "our previous address"
        OURS = "ours", "another address of this portal"
        FOREIGN = "foreign", "another deployment's address"

    service = models.OneToOneField(Service, on_delete=models.CASCADE, related_name="remote")
    notification_url = models.CharField(max_length=500, blank=True)
    notification_status = models.CharField(max_length=10, choices=Status.choices, default=Status.UNKNOWN)
    token_transfer_url = models.CharField(max_length=500, blank=True)
    token_transfer_status = models.CharField(max_length=10, choices=Status.choices, default=Status.UNKNOWN)
    # [{"prefix", "name", "created"}] as the Cloud lists them.
    keys = models.JSONField(default=list, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    drifted_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"Remote state {self.pk}"
