"""Columns and filters that the lists of submissions, reports and captures share."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from exams.models import Submission
from exams.models.names import short_id
from foundation.adminkit.base import PortalAdmin
from foundation.moments import moment

HELP = "The label of a customer, or the UUID of a request, a submission, an exam or a customer."


def short_request(submission: Submission) -> SafeString:
    """Write the beginning of the request's UUID, with the whole of it on hover."""
    request_uuid = submission.request_uuid
    return format_html('<span class="font-mono" title="{}">{}</span>', request_uuid, short_id(request_uuid))


def submission_of(row: Model) -> Submission | None:
    """Return the submission that a row is or belongs to; None for a row of another kind."""
    return row if isinstance(row, Submission) else getattr(row, "submission", None)


class PartOfSubmission(PortalAdmin):
    """A list of reports or captures, with columns and a search that identify their submissions."""

    search_fields = (
        "submission__customer__label",
        "uuid",
        "sha256",
        "submission__uuid",
        "submission__request_uuid",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        return cast("QuerySet[Any]", rows.without_data())

    @admin.display(description="request", ordering="submission__request_uuid")
    def of_request(self, row: Any) -> SafeString:
        """Write the request of the row's submission."""
        return short_request(row.submission)

    @admin.display(description="customer", ordering="submission__customer__label")
    def of_customer(self, row: Any) -> str:
        """Write the customer of the row's submission."""
        return str(row.submission.customer or "not known yet")

    @admin.display(description="service", ordering="submission__service__name")
    def of_service(self, row: Any) -> str:
        """Write the service of the row's submission."""
        return str(row.submission.service)

    @admin.display(description="submitted", ordering="submission__submitted_at")
    def was_submitted(self, row: Any) -> str:
        """Write when the exam was submitted."""
        return moment(row.submission.submitted_at)


class WaitFilter(admin.SimpleListFilter):
    """Filters a list for rows that have waited longer than fetching or sending takes."""

    title = "wait"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("long", "unusually long")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "long":
            return queryset
        return queryset.filter(pk__in=queryset.model._default_manager.waiting_long().values("pk"))
