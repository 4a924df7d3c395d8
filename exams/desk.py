"""What administrators configure and start, and the calls they look back on."""

from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from background.models import LeasedRow
from integrations.models import Customer, Service


def validate_zone(value: str) -> None:
    """Raise ValidationError unless this is the name of a time zone."""
    if value not in available_timezones():
        raise ValidationError("There is no such time zone. Write it as in Europe/Paris, or UTC.")


class FieldMap(LeasedRow):
    """Where in a service's download answer undocumented things stand; its lease reads old answers again."""

    PATHS = ("examined_at", "application", "operator", "institution", "clinical_note", "capture_label")

    service = models.OneToOneField(Service, on_delete=models.CASCADE, related_name="field_map")
    examined_at = models.CharField("examination time", max_length=200, blank=True)
    # What a time without a zone means; nobody guesses.
    time_zone = models.CharField(max_length=60, default="UTC", validators=[validate_zone])
    application = models.CharField(max_length=200, blank=True)
    operator = models.CharField(max_length=200, blank=True)
    institution = models.CharField(max_length=200, blank=True)
    clinical_note = models.CharField(max_length=200, blank=True)
    capture_label = models.CharField(max_length=200, blank=True)
    # Counts the changes, so that a reader of an older map stops.
    version = models.PositiveIntegerField(default=0, editable=False)
    cursor = models.BigIntegerField(default=0, editable=False)
    total_count = models.PositiveIntegerField(default=0, editable=False)
    read_count = models.PositiveIntegerField(default=0, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        permissions = [("operate_fieldmap", "Can change where the fields of a service stand")]

    def __str__(self) -> str:
        return f"Field map of {self.service}"


class Release(LeasedRow):
    """A release of exams from before the connection; its lease lets them through, newest first."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="releases")
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
    released_count = models.PositiveIntegerField(default=0)
    ended_at = models.DateTimeField(null=True, blank=True)
    is_stopped = models.BooleanField(default=False)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["service"],
                condition=models.Q(ended_at=None),
                name="exams_release_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"Release {self.pk}"


class Call(models.Model):
    """One call about a submission, report or walk: when, how long, what was answered, with which key."""

    class Kind(models.TextChoices):
        CONFIRM = "confirm", "ask whether it is listed"
        DATA = "data", "read the data"
        FILES = "files", "fetch files"
        REPORT = "report", "send the report"
        LIST = "list", "read the list"

    submission = models.ForeignKey(
        "exams.Submission",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="calls",
        db_index=False,
    )
    report = models.ForeignKey(
        "exams.Report", null=True, blank=True, on_delete=models.CASCADE, related_name="calls", db_index=False
    )
    walk = models.ForeignKey(
        "exams.Walk", null=True, blank=True, on_delete=models.CASCADE, related_name="calls", db_index=False
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    milliseconds = models.PositiveIntegerField()
    key_prefix = models.CharField(max_length=32, blank=True)
    # Empty: it went well.
    error = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(submission__isnull=False, report=None, walk=None)
                | models.Q(submission=None, report__isnull=False, walk=None)
                | models.Q(submission=None, report=None, walk__isnull=False),
                name="exams_call_about_one",
            )
        ]
        indexes = [
            models.Index(fields=["submission", "-id"], name="exams_call_of_submission"),
            models.Index(fields=["report", "-id"], name="exams_call_of_report"),
            models.Index(fields=["walk", "-id"], name="exams_call_of_walk"),
        ]

    def __str__(self) -> str:
        return f"Call {self.pk}"
