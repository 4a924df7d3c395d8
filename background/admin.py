"""Admin pages for outgoing mail and heartbeats. Failed mail can be sent again."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from background.mail import resend_chosen
from background.models import Heartbeat, OutgoingMail
from foundation.actions import Action
from foundation.adminkit.base import PortalAdmin
from foundation.crypto import CannotDecrypt

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

    list_display = ("id", "addressee", "subject", "state", "attempt_count", "created_at", "sent_at")
    list_filter = ("state",)
    link_lookups = ("created_at__gte",)
    search_fields = ("subject",)
    search_help_text = "Words of the subject, or a whole e-mail address"
    ordering = ("-id",)
    fields = (
        "addressee",
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

    @admin.display(description="recipient")
    def addressee(self, mail: OutgoingMail) -> str:
        """Return the address, or that it cannot be decrypted."""
        try:
            return str(mail.recipient)
        except CannotDecrypt:
            return "cannot be decrypted"

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[QuerySet[OutgoingMail], bool]:
        """Find the mails to an address by its hash, since addresses are encrypted."""
        if "@" in search_term:
            return queryset.to(search_term), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(Heartbeat)
class HeartbeatAdmin(PortalAdmin):
    """Worker and beat processes."""

    list_display = ("name", "host", "pid", "started_at", "seen_at", "acquired_at")
    list_filter = ("name",)
    ordering = ("-seen_at",)
