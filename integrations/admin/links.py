"""Links: which account holds which customer, in which state."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from audit.address import client_address
from integrations.admin.bases import LEASE_FIELDS, ReadOnlyAdmin, acting_user
from integrations.models import Link
from integrations.services.linking import Ending, check_again, unlink


@admin.register(Link)
class LinkAdmin(ReadOnlyAdmin):
    """Links with their state, its reason for the reader and its detail."""

    list_display = ("uuid", "state", "user", "customer", "created_at", "confirmed_at", "ended_at")
    list_filter = ("state", "customer__service")
    search_fields = ("uuid", "user__email", "customer__label", "customer__institution")
    list_select_related = ("user", "customer__service")
    ordering = ("-created_at",)
    fields = (
        ("uuid", "state"),
        ("user", "customer"),
        "reason",
        "detail",
        "created_at",
        ("confirmed_at", "ended_at"),
        *LEASE_FIELDS,
    )
    actions = ("ask_again", "suspend")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may check and suspend links."""
        return request.user.has_perm("integrations.operate_link")

    @admin.action(description="Ask Clarius Cloud again", permissions=["operate"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Link]) -> None:
        """Make the confirmation of active links due."""
        user, address = acting_user(request), client_address(request)
        count = sum(check_again(link=link, user=user, address=address) for link in queryset)
        messages.success(request, f"Clarius Cloud will be asked about {count} links.")

    @admin.action(description="Suspend", permissions=["operate"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Link]) -> None:
        """End active links; their accounts see nothing of them any more."""
        user, address = acting_user(request), client_address(request)
        count = sum(
            unlink(link=link, user=user, address=address, ending=Ending.SUSPENDED) for link in queryset
        )
        messages.success(request, f"{count} links were suspended.")
