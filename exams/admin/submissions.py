"""Submissions: states and identifiers; retry, release and stop go through the services."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from audit.address import client_address
from exams.admin.base import LEASE_FIELDS, ReadOnlyAdmin
from exams.models import Submission
from exams.services.demographics import ALL_FIELDS
from exams.services.holds import release_submissions, retry_submissions, stop_submissions


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    """What arrived and where it stands."""

    list_display = (
        "request_uuid",
        "service",
        "customer",
        "state",
        "hold_reason",
        "stored_count",
        "capture_count",
        "attempt_count",
        "submitted_at",
        "received_at",
    )
    list_filter = ("state", "hold_reason", "service")
    list_select_related = ("service", "customer")
    search_fields = ("uuid", "request_uuid", "exam__exam_uuid", "customer__uuid")
    search_help_text = "A UUID: of the submission, its request, its exam or its customer."
    ordering = ("-id",)
    actions = ("retry", "release", "stop")
    plain_fields = (
        "uuid",
        "request_uuid",
        "service",
        "customer",
        "exam",
        "state",
        "hold_reason",
        "failure_reason",
        "failure_detail",
        "submitted_at",
        "received_at",
        "notified_at",
        "polled_at",
        "data_read_at",
        "ready_at",
        "released_at",
        "not_ready_since",
        "missed_pass_count",
        "capture_count",
        "stored_count",
        "claimed_by",
        "claimed_at",
        *LEASE_FIELDS,
    )
    content_fields = ("patient", "looks_like", *ALL_FIELDS, "raw_data")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("exams.operate_submission")

    @admin.action(description="Fetch failed submissions again", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        """Fetch the chosen failed submissions again."""
        self._act(request, retry_submissions, queryset, "are fetched again")

    @admin.action(description="Release held submissions", permissions=["operate"])
    def release(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        """Let the chosen held submissions through, newest first."""
        self._act(request, release_submissions, queryset, "were released")

    @admin.action(description="Stop submissions", permissions=["operate"])
    def stop(self, request: HttpRequest, queryset: QuerySet[Submission]) -> None:
        """Hold the chosen submissions until somebody releases them."""
        self._act(request, stop_submissions, queryset, "were stopped")

    def _act(self, request: HttpRequest, service: Any, queryset: QuerySet[Submission], what: str) -> None:
        chosen = queryset.count()
        count = service(queryset=queryset, user=request.user, address=client_address(request))
        note = messages.SUCCESS if count == chosen else messages.WARNING
        self.message_user(request, f"{count} of {chosen} submissions {what}.", note)
