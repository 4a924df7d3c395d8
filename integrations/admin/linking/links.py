"""Links between accounts and customers, with their states."""

from django.contrib import admin

from audit.labels import register_label
from foundation.actions import Action
from foundation.adminkit.base import PortalAdmin
from foundation.adminkit.columns import LEASE_FIELDS
from integrations.models import Link
from integrations.services.actions import CONFIRM
from integrations.services.linking.links import suspend_links

register_label(
    model=Link, label=lambda link: f"of {link.customer} and {link.user}", related=("customer", "user")
)


SUSPEND = Action(
    name="suspend",
    title="Suspend these links?",
    explanation="Their accounts lose access to these customers. A suspended link cannot be resumed: the "
    "owner of the Clarius Cloud account has to press Connect there again. Clarius Cloud is not notified; it "
    "has no call for this.",
    button="Suspend",
    message="were suspended",
    service=suspend_links,
    left=CONFIRM.left,
    is_partial=False,
    is_grave=True,
)


@admin.register(Link)
class LinkAdmin(PortalAdmin):
    """The list and page of links."""

    list_display = ("uuid", "state", "user", "customer", "created_at", "confirmed_at", "ended_at")
    list_filter = ("state", "customer__service")
    search_fields = ("uuid", "user__email", "customer__label", "customer__institution")
    list_select_related = ("user", "customer__service")
    ordering = ("-created_at",)
    fields = (
        ("uuid", "state"),
        ("user", "customer"),
        ("label", "institution"),
        "reason",
        "detail",
        "created_at",
        ("confirmed_at", "ended_at"),
        *LEASE_FIELDS,
    )
    operators = "integrations.operate_link"
    question_columns = ("user", "customer", "customer__service", "state")
    actions = (CONFIRM, SUSPEND)
