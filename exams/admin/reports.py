"""Reports: state and delivery; what is done to them goes through the services, after a question."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from exams.admin import deeds
from exams.admin.attempts import AttemptsAdmin
from exams.admin.base import LEASE_FIELDS
from exams.admin.confirmation import ask_or_do
from exams.models import Report


@admin.register(Report)
class ReportAdmin(AttemptsAdmin):
    """Reports by state; names of files may be a patient's and are content."""

    list_display = (
        "uuid",
        "submission",
        "state",
        "failure_reason",
        "author",
        "created_at",
        "signed_at",
        "delivered_at",
    )
    list_filter = ("state", ("given_up_at", admin.EmptyFieldListFilter))
    list_select_related = ("submission", "author")
    search_fields = ("uuid", "sha256", "submission__uuid", "submission__request_uuid")
    ordering = ("-id",)
    actions = ("send_again", "mark_arrived", "give_up")
    plain_fields = (
        "uuid",
        "submission",
        "author",
        "replaces",
        "state",
        "failure_reason",
        "failure_detail",
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

    @admin.action(description="Send reports again", permissions=["operate"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Report]) -> HttpResponse | None:
        """Send the chosen reports again that were not delivered, or perhaps were."""
        return ask_or_do(admin=self, request=request, queryset=queryset, deed=deeds.SEND_AGAIN)

    @admin.action(description="Mark uncertain reports as arrived", permissions=["operate"])
    def mark_arrived(self, request: HttpRequest, queryset: QuerySet[Report]) -> HttpResponse | None:
        """Settle the chosen uncertain reports."""
        return ask_or_do(admin=self, request=request, queryset=queryset, deed=deeds.MARK_ARRIVED)

    @admin.action(description="Give reports up", permissions=["operate"])
    def give_up(self, request: HttpRequest, queryset: QuerySet[Report]) -> HttpResponse | None:
        """Send the chosen reports no more."""
        return ask_or_do(admin=self, request=request, queryset=queryset, deed=deeds.GIVE_UP_REPORTS)
