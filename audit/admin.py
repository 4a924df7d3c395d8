"""The audit log, to read, search and filter; nothing here changes it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from audit.models import Entry


@admin.register(Entry)
class EntryAdmin(ModelAdmin):
    """Entries for staff with the permission to view them."""

    list_display = (
        "at",
        "action",
        "outcome",
        "actor_label",
        "actor_id",
        "target_type",
        "target_id",
        "address",
    )
    list_filter = ("action", "outcome", "target_type", "at")
    search_fields = ("actor_id", "actor_label", "target_id", "address", "action")
    fields = (
        "id",
        "at",
        "action",
        "outcome",
        "actor_id",
        "actor_label",
        "target_type",
        "target_id",
        "address",
        "identifiers",
    )
    readonly_fields = fields
    ordering = ("-at", "-id")
    list_per_page = 50
    # Counting millions of rows for a headline would take longer than the page.
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
