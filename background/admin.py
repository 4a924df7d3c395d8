"""Outgoing mail and heartbeats, to look at; a failed mail can be sent again."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from background.mail import resend_mail
from background.models import Heartbeat, OutgoingMail
from foundation.actions import Action
from foundation.adminkit.base import PortalAdmin


def _resend(*, queryset: QuerySet[OutgoingMail], user: Any, address: str | None) -> int:
    keys = list(queryset.values_list("pk", flat=True))
    return sum(resend_mail(pk=pk, user=user, address=address) for pk in keys)


SEND_AGAIN = Action(
    name="send_again",
    button="Send again",
    told="are queued again",
    service=_resend,
    left="The others have not failed.",
)


@admin.register(OutgoingMail)
class OutgoingMailAdmin(PortalAdmin):
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
    operators = "background.change_outgoingmail"
    actions = (SEND_AGAIN,)


@admin.register(Heartbeat)
class HeartbeatAdmin(PortalAdmin):
    """Worker and beat processes."""

    list_display = ("name", "host", "pid", "started_at", "seen_at", "acquired_at")
    list_filter = ("name",)
    ordering = ("-seen_at",)
