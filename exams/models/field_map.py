"""Field maps, which give the places of undocumented fields in a service's data."""

from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import models

from background.models import LeasedRow
from integrations.models import Service


def validate_zone(value: str) -> None:
    """Raise ValidationError unless this is the name of a time zone."""
    if value not in available_timezones():
        raise ValidationError("Unknown time zone. Write it like Europe/Paris, or UTC.")


class FieldMap(LeasedRow):
    """The paths of undocumented fields in a service's answers; its lease is for reading old answers again."""

    PATHS = ("examined_at", "application", "operator", "institution", "clinical_note", "capture_label")

    service = models.OneToOneField(Service, on_delete=models.CASCADE, related_name="field_map")
    examined_at = models.CharField("examination time", max_length=200, blank=True)
    # Times without a zone are in this zone.
    time_zone = models.CharField(max_length=60, default="UTC", validators=[validate_zone])
    application = models.CharField(max_length=200, blank=True)
    operator = models.CharField(max_length=200, blank=True)
    institution = models.CharField(max_length=200, blank=True)
    clinical_note = models.CharField(max_length=200, blank=True)
    capture_label = models.CharField(max_length=200, blank=True)
    # Counts the changes, so that a job that reads answers with an older map stops.
    version = models.PositiveIntegerField(default=0, editable=False)
    cursor = models.BigIntegerField(default=0, editable=False)
    total_count = models.PositiveIntegerField(default=0, editable=False)
    read_count = models.PositiveIntegerField(default=0, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        permissions = [("operate_fieldmap", "Can change a service's field map")]

    def __str__(self) -> str:
        return f"Field map of {self.service}"
