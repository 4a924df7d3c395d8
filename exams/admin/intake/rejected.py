"""Requests to the webhook that were not valid notifications, to see what the sender sends."""

from django.contrib import admin

from exams.admin.base import ContentAdmin
from exams.models import RejectedNotification


@admin.register(RejectedNotification)
class RejectedNotificationAdmin(ContentAdmin):
    """The newest 1,000 rejected notifications, masked."""

    list_display = ("received_at", "service", "status", "content_type", "beginning")
    list_filter = ("service", "status")
    list_select_related = ("service",)
    ordering = ("-id",)
    plain_fields = ("service", "received_at", "status", "content_type", "body")

    @admin.display(description="Begins with")
    def beginning(self, row: RejectedNotification) -> str:
        return row.body[:80] or "(empty)"
