"""Admin pages of the audit log, to read, search and filter. Nothing here changes it."""

import re
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.entries import LONGEST_IDENTIFIER, record_view
from audit.labels import action_label, find_targets, target_label, type_label
from audit.models import Entry, ShownPatient
from foundation.adminkit.base import PortalAdmin
from foundation.adminkit.lists import PortalList
from foundation.searching import cut_search

NOBODY = "the portal itself"
# With a wrong password the account is unknown; the network address is not.
UNKNOWN = {"account.log_in_failed": "somebody who is not logged in"}
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# At most this many accounts are matched by a search for an address.
MOST_ACCOUNTS = 200


class TargetFilter(admin.SimpleListFilter):
    """Filters entries by the type of their object."""

    title = "object"
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = Entry.objects.exclude(target_type="").order_by().values_list("target_type", flat=True)
        return sorted(((kind, type_label(kind)) for kind in kinds.distinct()), key=lambda each: each[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(target_type=self.value()) if self.value() else queryset


class ActionFilter(admin.SimpleListFilter):
    """Filters entries by what happened."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = Entry.objects.order_by().values_list("action", flat=True).distinct()
        return sorted(((each, action_label(each)) for each in found), key=lambda each: each[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class PatientFilter(admin.SimpleListFilter):
    """Keeps the entries about a patient, who is named by the address: who saw them, and who changed what."""

    title = "patient"
    parameter_name = "patient"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(self.parameter_name, "")
        return [(chosen, chosen[:8])] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(pk__in=_entries_about(self.value())) if self.value() else queryset


def _entries_about(patient: str | None) -> QuerySet[Any, Any]:
    return ShownPatient.objects.filter(patient=patient).values("entry_id")


class LabelledList(PortalList):
    """A page of entries that reads their accounts and objects together, not one by one."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, then the accounts and objects of its entries."""
        super().get_results(request)
        self.result_list = list(self.result_list)  # type: ignore[has-type]
        label_entries(self.result_list, request=request, site=self.model_admin.admin_site)


@admin.register(Entry)
class EntryAdmin(PortalAdmin):
    """Entries for staff with the permission to view them."""

    list_display = ("at", "happened", "outcome", "account", "target", "address")
    list_filter = (ActionFilter, "outcome", TargetFilter, PatientFilter, "at")
    link_lookups = ("target_type__exact", "target_id__exact")
    search_fields = ("actor_id", "actor_label", "target_id", "address", "action")
    search_help_text = (
        "An account's address, a network address, or the identifier of an object or of a patient: then also "
        "who saw the patient on a list."
    )
    fields = (
        "id",
        "at",
        "happened",
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

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PortalList]:
        return LabelledList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Read the entry with its account and object."""
        entry = super().get_object(request, object_id, from_field)
        if entry is not None:
            label_entries([entry], request=request, site=self.admin_site)
        return entry

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Also find entries by the e-mail address of the account, for readers who may see addresses."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if search_term and _may_read_accounts(request):
            words = cut_search(search_term)[0]
            accounts = get_user_model()._default_manager.filter(email__icontains=words)
            keys = [str(pk) for pk in accounts.values_list("pk", flat=True)[:MOST_ACCOUNTS]]
            found |= queryset.filter(actor_id__in=keys)
        if UUID.fullmatch(search_term.strip()):
            found |= queryset.filter(pk__in=_entries_about(search_term.strip().lower()))
        return found, may_repeat

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the entries; reading them is an entry too, which the next page shows."""
        response = super().changelist_view(request, extra_context)
        if response.status_code == 200:
            record_view(request, action="audit.viewed", filter=_filter_of(request))
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Show one entry, and audit that it was read."""
        record_view(request, action="audit.viewed", target=obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @admin.display(description="action", ordering="action")
    def happened(self, entry: Any) -> str:
        """Return what happened, in words."""
        return action_label(entry.action)

    @admin.display(description="account", ordering="actor_id")
    def account(self, entry: Any) -> str:
        """Return the account as text."""
        return str(entry.account_text)

    @admin.display(description="object")
    def target(self, entry: Any) -> SafeString | str:
        """Return the object as text, linked to its page."""
        if not entry.target_url:
            return str(entry.target_text)
        return format_html('<a class="underline" href="{}">{}</a>', entry.target_url, entry.target_text)


def _filter_of(request: HttpRequest) -> str:
    """Return the filter of the list, which is made of identifiers; of a search only that there was one."""
    chosen = ((name, "…" if name == "q" else value) for name, value in request.GET.items() if value)
    parts = sorted(f"{name}={value}" for name, value in chosen)
    return " ".join(parts)[:LONGEST_IDENTIFIER]


def label_entries(entries: list[Any], *, request: HttpRequest, site: admin.AdminSite) -> None:
    """Set the account and object of entries as this reader may see them, with a query for each type."""
    accounts = _accounts(entries) if _may_read_accounts(request) else {}
    targets = find_targets(entries)
    for entry in entries:
        unknown = UNKNOWN.get(entry.action, NOBODY)
        entry.account_text = accounts.get(entry.actor_id) or entry.actor_label or entry.actor_id or unknown
        row = targets.get((entry.target_type, entry.target_id))
        entry.target_url = _page_of(row, request=request, site=site) if row is not None else ""
        if row is not None and entry.target_url:
            entry.target_text = target_label(row)
        else:
            entry.target_text = f"{type_label(entry.target_type)} {entry.target_id[:8]}".strip() or "—"


def _may_read_accounts(request: HttpRequest) -> bool:
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
    """Return the page on which this reader may see the row, or ""."""
    meta = row._meta
    if not request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}"):
        return ""
    try:
        return reverse(f"{site.name}:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    except NoReverseMatch:
        return ""
