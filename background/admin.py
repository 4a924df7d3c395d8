"""Outgoing mail and heartbeats, to look at; a failed mail can be sent again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from background.mail import resend_mail
from background.models import Heartbeat, OutgoingMail
from foundation.address import client_address


class _ReadOnlyAdmin(ModelAdmin):
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(OutgoingMail)
class OutgoingMailAdmin(_ReadOnlyAdmin):
    """Mail and its state; the text stays out, since it may hold a code or a personal link."""

    list_display = ("id", "recipient", "subject", "state", "attempt_count", "created_at", "sent_at")
    list_filter = ("state",)
    search_fields = ("recipient", "subject")
    ordering = ("-id",)
    fields = (
        "recipient",
        "subject",
        "state",
        "failure_reason",
        "failure_detail",
        "attempt_count",
        "first_tried_at",
        "not_before",
        "lease_until",
        "created_at",
        "sent_at",
    )
    readonly_fields = fields
    actions = ("send_again",)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may send mail again."""
        return request.user.has_perm("background.change_outgoingmail")

    @admin.action(description="Send failed mail again", permissions=["operate"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutgoingMail]) -> None:
        """Queue the chosen mails that had failed."""
        user, address = request.user, client_address(request)
        chosen = list(queryset.values_list("pk", flat=True))
        count = sum(resend_mail(pk=pk, user=user, address=address) for pk in chosen)
        messages.success(request, f"{count} mails wait to be sent again.")


@admin.register(Heartbeat)
class HeartbeatAdmin(_ReadOnlyAdmin):
    """Worker and beat processes."""

    list_display = ("name", "host", "pid", "started_at", "seen_at", "acquired_at")
    list_filter = ("name",)
    ordering = ("-seen_at",)
