"""By what a person recognises a row: its request, whose it is and when it was submitted."""

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


def request_mark(submission: Submission) -> SafeString:
    """Write the beginning of the request's UUID, with the whole of it on hover."""
    request_uuid = submission.request_uuid
    return format_html('<span class="font-mono" title="{}">{}</span>', request_uuid, short_id(request_uuid))


def subject_of(row: Model) -> Submission | None:
    """Return the submission that a row is or belongs to, None where it stands for itself."""
    return row if isinstance(row, Submission) else getattr(row, "submission", None)


class OfSubmission(PortalAdmin):
    """Columns that say of which submission a file's row is, and by what it is found."""

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
        """Write which request it belongs to."""
        return request_mark(row.submission)

    @admin.display(description="customer", ordering="submission__customer__label")
    def of_customer(self, row: Any) -> str:
        """Write whose it is."""
        return str(row.submission.customer or "not known yet")

    @admin.display(description="service", ordering="submission__service__name")
    def of_service(self, row: Any) -> str:
        """Write at which service it came in."""
        return str(row.submission.service)

    @admin.display(description="submitted", ordering="submission__submitted_at")
    def was_submitted(self, row: Any) -> str:
        """Write when the exam was submitted."""
        return moment(row.submission.submitted_at)
