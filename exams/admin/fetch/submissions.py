"""Submissions by state and identifiers, with actions that services carry out."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from exams.admin.fetch.attempts import AttemptsAdmin
from exams.admin.holds import backlog
from exams.admin.lists import HELP, WaitFilter, short_request
from exams.models import Submission
from exams.services.exam_data import ALL_FIELDS
from exams.services.maintenance import actions
from foundation.adminkit.columns import LEASE_FIELDS
from foundation.adminkit.lists import IsSetFilter


@admin.register(Submission)
class SubmissionAdmin(AttemptsAdmin):
    """The list and page of submissions."""

    list_display = (
        "short_request",
        "customer",
        "service",
        "submitted_at",
        "state",
        "hold_reason",
        "failure_reason",
        "files",
        "received_at",
    )
    list_filter = (
        "state",
        "hold_reason",
        "service",
        WaitFilter,
        "is_time_unreadable",
        ("given_up_at", IsSetFilter),
    )
    link_lookups = (
        "failure_reason__exact",
        "customer__isnull",
        "received_at__lt",
        "stored_count",
        "stored_count__gt",
    )
    list_select_related = ("service", "customer")
    search_fields = ("customer__label", "uuid", "request_uuid", "exam__exam_uuid", "customer__uuid")
    search_help_text = HELP
    ordering = ("-id",)
    question_columns = (
        "short_request",
        "customer",
        "service",
        "submitted_at",
        "state",
        "hold_reason",
        "failure_reason",
    )
    operators = "exams.operate_submission"
    actions = (actions.RETRY, actions.RESUME, actions.STOP, actions.GIVE_UP)
    plain_fields = (
        "uuid",
        "request_uuid",
        "service",
        "customer",
        "exam",
        "state",
        "hold_reason",
        "failure_reason",
        "submitted_at",
        "received_at",
        "notified_at",
        "polled_at",
        "data_read_at",
        "ready_at",
        "resumed_at",
        "given_up_at",
        "not_ready_since",
        "missed_pass_count",
        "capture_count",
        "stored_count",
        "claimed_by",
        "claimed_at",
        "seen_by",
        *LEASE_FIELDS,
    )
    readonly_fields = ("seen_by",)
    content_fields = ("patient", "looks_like", *ALL_FIELDS, "examined_at", "mapped", "raw_data")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Submission]:
        rows: Any = super().get_queryset(request)
        # The page of one row reads the deferred columns when it shows them.
        return cast("QuerySet[Submission]", rows.without_data())

    def get_urls(self) -> list[URLPattern]:
        pages = {
            "backlog/": (backlog.show_backlog, "backlog"),
            "backlog/progress/": (backlog.show_progress, "backlog_progress"),
            "backlog/<int:pk>/stop/": (backlog.stop, "backlog_stop"),
        }
        own = [
            path(route, self.admin_site.admin_view(view), {"admin": self}, name=f"exams_submission_{name}")
            for route, (view, name) in pages.items()
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="request", ordering="request_uuid")
    def short_request(self, submission: Submission) -> SafeString:
        """Write the beginning of the request's UUID."""
        return short_request(submission)

    @admin.display(description="captures", ordering="capture_count")
    def files(self, submission: Submission) -> str:
        """Write how many of the listed captures are stored."""
        return f"{submission.stored_count} of {submission.capture_count}"
