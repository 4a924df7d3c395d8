"""Patients, exams, submissions, their captures and the reports that go back."""

import uuid
from typing import TypeAlias

from django.conf import settings
from django.db import models

from background.models import LeasedRow
from exams.desk import Call, FieldMap, Release
from exams.names import join_name
from exams.querysets import CaptureQuerySet, ReportQuerySet, SubmissionQuerySet
from exams.states import CaptureState, Failure, Hold, ReportFailure, ReportState, SubmissionState
from integrations.models import Customer, Service

__all__ = [
    "Call",
    "Capture",
    "Chore",
    "Demographics",
    "Exam",
    "FieldMap",
    "JunkNotification",
    "Patient",
    "Release",
    "Report",
    "Submission",
    "Walk",
]


class Demographics(models.Model):
    """What the Cloud says of a patient, each field optional, as text where it does not parse."""

    identifier = models.CharField(max_length=200, blank=True)
    date_of_birth = models.DateField(null=True, blank=True)
    date_of_birth_text = models.CharField(max_length=100, blank=True)
    gender = models.CharField(max_length=50, blank=True)
    first_name = models.CharField(max_length=200, blank=True)
    middle_name = models.CharField(max_length=200, blank=True)
    last_name = models.CharField(max_length=200, blank=True)
    animal_name = models.CharField(max_length=200, blank=True)
    animal_type = models.CharField(max_length=200, blank=True)
    owner_name = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True

    @property
    def is_animal(self) -> bool:
        """Whether any field of an animal is filled."""
        return bool(self.animal_name or self.animal_type or self.owner_name)

    @property
    def display_name(self) -> str:
        """The name a reviewer reads, or an empty text when the Cloud gave none."""
        if self.is_animal:
            return self.animal_name
        return join_name(first=self.first_name, middle=self.middle_name, last=self.last_name)


class Patient(Demographics):
    """One person or animal of one customer; never merged on a guess."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="patients")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["customer", "identifier"], name="exams_patient_identifier")]

    def __str__(self) -> str:
        return str(self.uuid)


class Exam(models.Model):
    """One ultrasound examination of one customer."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # The constraint's index begins with it.
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="exams", db_index=False)
    exam_uuid = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "exam_uuid"], name="exams_exam_unique_per_customer")
        ]

    def __str__(self) -> str:
        return str(self.uuid)


class Submission(LeasedRow, Demographics):
    """One time that a customer sent an exam; its lease is the confirmation and the fetch."""

    State: TypeAlias = SubmissionState
    Hold: TypeAlias = Hold

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Every index is paid for by every row that arrives: those below stand in for the keys' own.
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="submissions", db_index=False)
    request_uuid = models.UUIDField()
    # What the unsigned webhook claims; the customer below is set from the poll alone.
    hint_digest = models.CharField(max_length=64, blank=True)
    customer = models.ForeignKey(
        Customer,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="submissions",
        db_index=False,
    )
    exam = models.ForeignKey(
        Exam, null=True, blank=True, on_delete=models.PROTECT, related_name="submissions", db_index=False
    )
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="submissions", db_index=False
    )
    looks_like = models.ForeignKey(
        Patient,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="lookalikes",
        db_index=False,
    )
    # A reviewer said that it is not this person, so it is never matched with them again.
    split_from = models.ForeignKey(
        Patient,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="split_submissions",
        db_index=False,
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD)
    hold_reason = models.CharField(max_length=20, choices=Hold.choices, blank=True)
    failure_reason = models.CharField(max_length=30, choices=Failure.choices, blank=True)
    failure_detail = models.TextField(blank=True)
    missed_pass_count = models.PositiveSmallIntegerField(default=0)
    download_url = models.TextField(blank=True)
    raw_data = models.TextField(blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    notified_at = models.DateTimeField(null=True, blank=True)
    polled_at = models.DateTimeField(null=True, blank=True)
    data_read_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    # Since when the Cloud has answered that there is nothing to fetch yet.
    not_ready_since = models.DateTimeField(null=True, blank=True)
    # An administrator let it through: it is fetched although no account holds its customer.
    released_at = models.DateTimeField(null=True, blank=True)
    # An administrator looked at it and leaves it as it is; every change of state forgets that.
    given_up_at = models.DateTimeField(null=True, blank=True)
    # What the service's field map found in the data.
    examined_at = models.DateTimeField(null=True, blank=True)
    mapped = models.JSONField(null=True, blank=True)
    # How many captures the Cloud listed when its data was last read.
    listed_count = models.PositiveIntegerField(default=0)
    capture_count = models.PositiveIntegerField(default=0)
    stored_count = models.PositiveIntegerField(default=0)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="claims",
        db_index=False,
    )
    claimed_at = models.DateTimeField(null=True, blank=True)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        permissions = [
            ("view_patient_content", "Can see names, captures, raw data and report files"),
            ("operate_submission", "Can fetch again, release and stop submissions"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["service", "request_uuid"], name="exams_submission_unique"),
            models.CheckConstraint(
                condition=models.Q(state="held", hold_reason__gt="")
                | (~models.Q(state="held") & models.Q(hold_reason="")),
                name="exams_submission_hold_has_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["-submitted_at", "-id"], name="exams_submission_newest"),
            models.Index(fields=["state", "-submitted_at", "-id"], name="exams_submission_by_state"),
            models.Index(
                fields=["customer", "-submitted_at", "-id"],
                condition=models.Q(customer__isnull=False),
                name="exams_submission_by_customer",
            ),
            models.Index(
                fields=["service", "hint_digest"],
                condition=models.Q(customer=None),
                name="exams_submission_hints",
            ),
            # A notification has none of them yet.
            *(
                models.Index(
                    fields=[key],
                    condition=models.Q((f"{key}__isnull", False)),
                    name=f"exams_submission_{key}",
                )
                for key in ("exam", "patient", "looks_like", "split_from", "claimed_by")
            ),
        ]

    @property
    def failure_sentence(self) -> str:
        """Why it waits or failed, for a reader, and how much of it arrived."""
        sentence: str = self.get_failure_reason_display()
        if self.state != SubmissionState.FAILED or not self.capture_count:
            return sentence
        counts = f"{self.stored_count} of {self.capture_count} captures arrived."
        return counts if self.failure_reason == Failure.INCOMPLETE else f"{sentence} {counts}"

    def __str__(self) -> str:
        # The one identifier by which the Cloud, every list and the audit log know it.
        return str(self.request_uuid)


class Capture(LeasedRow):
    """One image or video of a submission; its lease is the preview."""

    State: TypeAlias = CaptureState

    class Kind(models.TextChoices):
        IMAGE = "image", "image"
        VIDEO = "video", "video"
        OTHER = "other", "file"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, related_name="captures")
    position = models.PositiveIntegerField()
    # Hash of the link's path and its ordinal: links are signed anew each time, their path stays.
    source_key = models.CharField(max_length=80)
    # Whether the Cloud still named it when the data was last read; what it names no longer stays here.
    is_listed = models.BooleanField(default=True)
    label = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    failure_reason = models.CharField(max_length=30, choices=Failure.choices, blank=True)
    failure_detail = models.TextField(blank=True)
    file = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(default=0)
    media_type = models.CharField(max_length=100, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.OTHER)
    is_lossy = models.BooleanField(null=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    frame_count = models.PositiveIntegerField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    # When each frame of a video is shown, in milliseconds from its first one.
    frame_times_ms = models.JSONField(null=True, blank=True)
    codec = models.CharField(max_length=40, blank=True)
    colour_model = models.CharField(max_length=40, blank=True)
    # Width by height of one pixel, such as "4:3"; empty when it is square or unknown.
    pixel_aspect = models.CharField(max_length=20, blank=True)
    # Degrees by which the stored picture is turned clockwise to stand upright.
    rotation = models.SmallIntegerField(default=0)
    thumbnail = models.CharField(max_length=200, blank=True)
    preview = models.CharField(max_length=200, blank=True)
    preview_failure = models.CharField(max_length=300, blank=True)
    stored_at = models.DateTimeField(null=True, blank=True)

    objects = CaptureQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "source_key"], name="exams_capture_source_unique"),
            models.UniqueConstraint(fields=["submission", "position"], name="exams_capture_position_unique"),
        ]

    def __str__(self) -> str:
        return str(self.uuid)


class Walk(models.Model):
    """One walk through the list of a service, as a record for administrators."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="walks")
    started_at = models.DateTimeField()
    is_full = models.BooleanField()
    is_complete = models.BooleanField(default=False)
    page_count = models.PositiveIntegerField(default=0)
    seen_count = models.PositiveIntegerField(default=0)
    new_count = models.PositiveIntegerField(default=0)
    known_count = models.PositiveIntegerField(default=0)
    error_count = models.PositiveIntegerField(default=0)
    # Whether it came to the end of the list.
    is_whole = models.BooleanField(default=False)
    # How many rows the Cloud had, and the portal at the end of a whole one.
    remote_count = models.PositiveIntegerField(null=True, blank=True)
    local_count = models.PositiveIntegerField(null=True, blank=True)
    seconds = models.FloatField(default=0.0)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-started_at", "-id"]

    def __str__(self) -> str:
        return f"Walk {self.pk}"


class JunkNotification(models.Model):
    """What came to the webhook with the right secret and is no notification: its beginning, masked."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="junk_notifications")
    received_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100, blank=True)
    body = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"Junk {self.pk}"


class Chore(LeasedRow):
    """Work that comes back by itself: the row is due, is done, and is due again later."""

    class Name(models.TextChoices):
        COLLECT_FILES = "collect_files", "remove orphaned files"
        VERIFY_FILES = "verify_files", "hash a sample of the files again"

    name = models.CharField(max_length=20, choices=Name.choices, unique=True)
    done_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.get_name_display()


class Report(LeasedRow):
    """A file we return for one submission; its lease is the delivery."""

    State: TypeAlias = ReportState

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="reports")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="reports"
    )
    replaces = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    name = models.CharField(max_length=100)
    file_name = models.CharField(max_length=100)
    file = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    media_type = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    failure_reason = models.CharField(max_length=30, choices=ReportFailure.choices, blank=True)
    failure_detail = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    signed_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    # Known once the pages of a document were made into pictures.
    page_count = models.PositiveIntegerField(null=True, blank=True)
    page_failure = models.CharField(max_length=300, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        permissions = [("operate_report", "Can send reports again")]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return str(self.uuid)


class PageRendering(LeasedRow):
    """Making pictures of a document's pages; its lease is not the delivery's, so that neither waits."""

    report = models.OneToOneField(Report, on_delete=models.CASCADE, related_name="page_rendering")

    def __str__(self) -> str:
        return f"Pages of report {self.report_id}"


class ReportPage(models.Model):
    """A picture of one page of a report."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField()
    file = models.CharField(max_length=200)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["report", "number"], name="exams_reportpage_unique")]

    def __str__(self) -> str:
        return f"{self.report_id}/{self.number}"
