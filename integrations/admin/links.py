"""Links: which account holds which customer, in which state."""

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from audit.words import register_words
from foundation.address import client_address
from integrations.admin.bases import LEASE_FIELDS, ReadOnlyAdmin, acting_user
from integrations.admin.bulk import chosen_pks
from integrations.models import Link
from integrations.services.linking import check_links_again, suspend_links

SHOWN = 20

register_words(
    model=Link, words=lambda link: f"of {link.customer} and {link.user}", related=("customer", "user")
)


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
        if pks := chosen_pks(admin=self, request=request, queryset=queryset):
            links = Link.objects.filter(pk__in=pks)
            count = check_links_again(links=links, user=acting_user(request), address=client_address(request))
            self._tell(request, f"Clarius Cloud will be asked about {count}", count, len(pks))

    @admin.action(description="Suspend…", permissions=["operate"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Link]) -> HttpResponse | None:
        """End active links, once the page that asks was answered."""
        pks = chosen_pks(admin=self, request=request, queryset=queryset)
        if pks and request.POST.get("confirmed") != "yes":
            return self._ask(request, pks)
        if pks:
            count = suspend_links(pks=pks, user=acting_user(request), address=client_address(request))
            self._tell(request, f"Suspended: {count}", count, len(pks))
        return None

    def _ask(self, request: HttpRequest, pks: list[int]) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": "Suspend links",
            # Each by its key: what came to the list meanwhile is not suspended unseen.
            "pks": pks,
            "rows": self.get_queryset(request)
            .select_related(*self.list_select_related)
            .filter(pk__in=pks)
            .order_by("-created_at")[:SHOWN],
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "back": request.get_full_path(),
        }
        return render(request, "integrations/admin/links_suspend.html", context)

    def _tell(self, request: HttpRequest, done: str, count: int, chosen: int) -> None:
        left = chosen - count
        told = f"{done} of {chosen} chosen links."
        if left:
            told += f" {left} had ended before."
        self.message_user(request, told, messages.SUCCESS if count else messages.WARNING)
