"""Exams and the times that a customer sent them."""

import uuid
from typing import TypeAlias

from django.conf import settings
from django.db import models

from background.models import LeasedRow
from exams.models.patients import Demographics, Patient
from exams.models.querysets import SubmissionQuerySet
from exams.states import Failure, Hold, SubmissionState
from integrations.models import Customer, Service


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
    resumed_at = models.DateTimeField(null=True, blank=True)
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
                fields=["service", "claimed_digest"],
                condition=models.Q(customer=None),
                name="exams_submission_unconfirmed",
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
