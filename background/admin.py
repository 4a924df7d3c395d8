"""Admin pages for outgoing mail and heartbeats. Failed mail can be sent again."""

from django.contrib import admin

from background.mail import resend_chosen
from background.models import Heartbeat, OutgoingMail
from foundation.actions import Action
from foundation.adminkit.base import PortalAdmin

SEND_AGAIN = Action(
    name="send_again",
    button="Send again",
    message="are queued again",
    service=resend_chosen,
    left="The others did not fail.",
)


@admin.register(OutgoingMail)
class OutgoingMailAdmin(PortalAdmin):
    """Mail and its state. The text is not shown: it may contain a code or a personal link."""

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
    operators = "background.change_outgoingmail"
    actions = (SEND_AGAIN,)


@admin.register(Heartbeat)
class HeartbeatAdmin(PortalAdmin):
    """Worker and beat processes."""

    list_display = ("name", "host", "pid", "started_at", "seen_at", "acquired_at")
    list_filter = ("name",)
    ordering = ("-seen_at",)
