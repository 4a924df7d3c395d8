"""The audit log, to read, search and filter; nothing here changes it."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from audit.models import Entry
from audit.words import find_targets, name_target, type_words
from foundation.adminkit.base import PortalAdmin

NOBODY = "the portal itself"
# Whoever typed a wrong password is not known; the address is.
UNKNOWN = {"account.log_in_failed": "somebody who is not logged in"}
# So many accounts may share what is searched for.
MOST_ACCOUNTS = 200


class TargetFilter(admin.SimpleListFilter):
    """What kind of object an entry is about."""

    title = "object"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = Entry.objects.exclude(target_type="").order_by().values_list("target_type", flat=True)
        return sorted(((kind, type_words(kind)) for kind in kinds.distinct()), key=lambda each: each[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(target_type=self.value()) if self.value() else queryset


class WordedList(ChangeList):
    """A page of entries whose accounts and objects are read together, not one by one."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then what its entries name."""
        super().get_results(request)
        self.result_list = list(self.result_list)  # type: ignore[has-type]
        word(self.result_list, request=request, site=self.model_admin.admin_site)


@admin.register(Entry)
class EntryAdmin(PortalAdmin):
    """Entries for staff with the permission to view them."""

    list_display = ("at", "action", "outcome", "account", "target", "address")
    list_filter = ("action", "outcome", TargetFilter, "at")
    search_fields = ("actor_id", "actor_label", "target_id", "address", "action")
    search_help_text = "An account's address, an action, a network address or the identifier of an object."
    fields = (
        "id",
        "at",
        "action",
        "outcome",
        "account",
        "actor_id",
        "actor_label",
        "target",
        "target_type",
        "target_id",
        "address",
        "identifiers",
    )
    readonly_fields = fields
    ordering = ("-at", "-id")
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WordedList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Fetch the entry for its page, with what it names."""
        entry = super().get_object(request, object_id, from_field)
        if entry is not None:
            word([entry], request=request, site=self.admin_site)
        return entry

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find entries by the address of the account as well, for those who may read addresses."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if search_term and _reads_accounts(request):
            accounts = get_user_model()._default_manager.filter(email__icontains=search_term)
            keys = [str(pk) for pk in accounts.values_list("pk", flat=True)[:MOST_ACCOUNTS]]
            found |= queryset.filter(actor_id__in=keys)
        return found, may_repeat

    @admin.display(description="account", ordering="actor_id")
    def account(self, entry: Any) -> str:
        """Write who it was."""
        return str(entry.actor_words)

    @admin.display(description="object")
    def target(self, entry: Any) -> SafeString | str:
        """Write what it was done to, with the way there."""
        if not entry.target_url:
            return str(entry.target_words)
        return format_html('<a class="underline" href="{}">{}</a>', entry.target_url, entry.target_words)


def word(entries: list[Any], *, request: HttpRequest, site: admin.AdminSite) -> None:
    """Give entries the words for account and object that this reader may see, in a query for each kind."""
    accounts = _accounts(entries) if _reads_accounts(request) else {}
    targets = find_targets(entries)
    for entry in entries:
        nobody = UNKNOWN.get(entry.action, NOBODY)
        entry.actor_words = accounts.get(entry.actor_id) or entry.actor_label or entry.actor_id or nobody
        row = targets.get((entry.target_type, entry.target_id))
        entry.target_url = _page_of(row, request=request, site=site) if row is not None else ""
        if row is not None and entry.target_url:
            entry.target_words = name_target(row)
        else:
            entry.target_words = f"{type_words(entry.target_type)} {entry.target_id[:8]}".strip() or "—"


def _reads_accounts(request: HttpRequest) -> bool:
    meta = get_user_model()._meta
    return request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}")


def _accounts(entries: list[Any]) -> dict[str, str]:
    keys = {entry.actor_id for entry in entries if entry.actor_id.isdecimal()}
    users: Any = get_user_model()._default_manager.filter(pk__in=keys)
    return {str(user.pk): _name(user) for user in users}


def _name(user: Any) -> str:
    name = user.get_full_name()
    return f"{name} ({user.email})" if name else str(user.email)


def _page_of(row: Model, *, request: HttpRequest, site: admin.AdminSite) -> str:
    """Return where this reader may look at the row, or an empty text."""
    meta = row._meta
    if not request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}"):
        return ""
    try:
        return reverse(f"{site.name}:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""
