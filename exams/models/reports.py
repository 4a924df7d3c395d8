"""Reports and the pictures of their pages."""

import uuid
from typing import TypeAlias

from django.conf import settings
from django.db import models

from background.models import LeasedRow
from exams.models.querysets import ReportQuerySet
from exams.models.submissions import Submission
from exams.states import ReportFailure, ReportState


class Report(LeasedRow):
    """A file that answers one submission; its lease is for the delivery."""

    State: TypeAlias = ReportState

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    submission = models.ForeignKey(Submission, on_delete=models.PROTECT, related_name="reports")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="reports"
    )
    # The system's user who added it by a command without the name of an account.
    command_user = models.CharField(max_length=100, blank=True)
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
    # Who signed it in the portal; the author may be a colleague.
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # What the signer confirmed, as values of Tick.
    signed_ticks = models.JSONField(default=list, blank=True)
    # What it was written on; null for reports that were signed before this was kept.
    signed_stored_count = models.PositiveIntegerField(null=True, blank=True)
    signed_capture_count = models.PositiveIntegerField(null=True, blank=True)
    signed_demographics = models.JSONField(null=True, blank=True)
    # The digest of the exam's content that signer and clinicians know of.
    told_digest = models.CharField(max_length=64, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    # Known once the pictures of the pages have been made.
    page_count = models.PositiveIntegerField(null=True, blank=True)
    page_failure = models.CharField(max_length=300, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        permissions = [("operate_report", "Can send reports again")]
        ordering = ["-created_at"]

    @property
    def signer(self) -> str:
        """The name of who wrote it: an account, or the system's user who ran the command."""
        account = self.signed_by or self.author
        if account is not None:
            return account.display_name
        return f"command (system user {self.command_user})" if self.command_user else ""

    @property
    def written_on(self) -> str:
        """Of how many captures the signer knew, such as "1 of 2"; "" if of all that there are now."""
        stored, total = self.signed_stored_count, self.submission.capture_count
        return "" if stored is None or stored >= total else f"{stored} of {total}"

    @property
    def has_other_demographics(self) -> bool:
        """True if the patient's data changed after it was signed."""
        signed = self.signed_demographics
        return signed is not None and signed != self.submission.list_values()

    def __str__(self) -> str:
        return str(self.uuid)


class PageRendering(LeasedRow):
    """The job of making pictures of a document's pages; with its own lease, so that delivery never waits."""

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
