"""Exams and their submissions."""

import uuid
from typing import TypeAlias

from django.conf import settings
from django.db import models

from background.models import LeasedRow
from exams.models.derived import SearchTextField
from exams.models.patients import Demographics, Patient
from exams.models.querysets import SubmissionQuerySet
from exams.states import Failure, Hold, SubmissionState
from integrations.models import Customer, Service


class Exam(models.Model):
    """One ultrasound examination of one customer."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # No index of its own: the constraint's index begins with this column.
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
    """One sending of an exam by a customer; its lease is for the confirmation and the fetch."""

    State: TypeAlias = SubmissionState
    Hold: TypeAlias = Hold

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Every index makes every insert slower, so the indexes below replace those of the foreign keys.
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="submissions", db_index=False)
    request_uuid = models.UUIDField()
    # The customer that the unsigned notification names. The customer below comes from the Cloud's list only.
    claimed_digest = models.CharField(max_length=64, blank=True)
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
    # A reviewer ruled out this patient, so the submission is never matched with them again.
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
    search_text = SearchTextField(blank=True, default="", editable=False)
    # The time that Clarius Cloud lists, or of its first reading if that time cannot be read.
    submitted_at = models.DateTimeField(null=True, blank=True)
    is_time_unreadable = models.BooleanField("time unreadable", default=False)
    received_at = models.DateTimeField()
    notified_at = models.DateTimeField(null=True, blank=True)
    polled_at = models.DateTimeField(null=True, blank=True)
    data_read_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    # The first time that the Cloud answered that the exam is not ready.
    not_ready_since = models.DateTimeField(null=True, blank=True)
    # An administrator resumed it: it is fetched although no account is linked to its customer.
    resumed_at = models.DateTimeField(null=True, blank=True)
    # An administrator gave it up; every change of state clears this.
    given_up_at = models.DateTimeField(null=True, blank=True)
    # Values that the service's field map found in the data.
    examined_at = models.DateTimeField(null=True, blank=True)
    mapped = models.JSONField(null=True, blank=True)
    # The number of captures that the Cloud listed when its data was last read.
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
            ("operate_submission", "Can fetch again, resume and stop submissions"),
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
                fields=["service", "claimed_digest"],
                condition=models.Q(customer=None),
                name="exams_submission_unconfirmed",
            ),
            # Partial, because a notification has none of them yet.
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
        """A sentence for readers: the reason why it waits or failed, and how much of it arrived."""
        sentence: str = self.get_failure_reason_display()
        if self.state != SubmissionState.FAILED or not self.capture_count:
            return sentence
        counts = f"{self.stored_count} of {self.capture_count} captures arrived."
        return counts if self.failure_reason == Failure.INCOMPLETE else f"{sentence} {counts}"

    def __str__(self) -> str:
        # The identifier that the Cloud, every list and the audit log use.
        return str(self.request_uuid)
