"""Reports: state and delivery; retrying goes through the service, one by one."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from audit.address import client_address
from exams.admin.base import LEASE_FIELDS, ReadOnlyAdmin
from exams.models import Report
from exams.services.delivery import retry_delivery
from exams.services.states import NotAllowed


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    """Reports by state; names of files may be a patient's and are content."""

    list_display = ("uuid", "submission", "state", "author", "created_at", "signed_at", "delivered_at")
    list_filter = ("state",)
    list_select_related = ("submission", "author")
    search_fields = ("uuid", "sha256", "submission__uuid", "submission__request_uuid")
    ordering = ("-id",)
    actions = ("send_again",)
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
        *LEASE_FIELDS,
    )
    content_fields = ("name", "file_name")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("exams.operate_report")

    @admin.action(description="Send reports again that were not delivered", permissions=["operate"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        """Send the chosen reports again; uncertain ones are settled on their own page."""
        count = 0
        for report in queryset:
            try:
                retry_delivery(report=report, user=request.user, address=client_address(request))
            except NotAllowed:
                continue
            count += 1
        self.message_user(request, f"{count} reports wait to be sent again.", messages.SUCCESS)
