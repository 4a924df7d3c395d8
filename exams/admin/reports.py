"""Reports by state and delivery, with actions that services carry out."""

from django.contrib import admin

from exams.admin.fetch.attempts import AttemptsAdmin
from exams.admin.lists import PartOfSubmission, WaitFilter
from exams.models import Report
from exams.services.maintenance import actions
from foundation.adminkit.columns import LEASE_FIELDS
from foundation.adminkit.lists import IsSetFilter


@admin.register(Report)
class ReportAdmin(PartOfSubmission, AttemptsAdmin):
    """The list and page of reports; file names may name a patient and count as content."""

    list_display = (
        "of_request",
        "of_customer",
        "of_service",
        "was_submitted",
        "state",
        "failure_reason",
        "author",
        "signed_at",
        "delivered_at",
    )
    list_filter = ("state", WaitFilter, ("given_up_at", IsSetFilter))
    link_lookups = ("failure_reason__exact",)
    list_select_related = ("submission__customer", "submission__service", "author")
    search_help_text = "The label of a customer, the UUID of a report or its request, or a SHA-256."
    ordering = ("-id",)
    question_columns = (
        "of_request",
        "of_customer",
        "of_service",
        "was_submitted",
        "state",
        "failure_reason",
        "signed_at",
    )
    operators = "exams.operate_report"
    actions = (actions.SEND_AGAIN, actions.MARK_ARRIVED, actions.GIVE_UP_REPORTS)
    plain_fields = (
        "uuid",
        "submission",
        "author",
        "command_user",
        "replaces",
        "state",
        "failure_reason",
        "size",
        "media_type",
        "sha256",
        "created_at",
        "signed_at",
        "delivered_at",
        "given_up_at",
        *LEASE_FIELDS,
    )
    content_fields = ("name", "file_name")
