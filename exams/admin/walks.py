"""Walks through the services' lists."""

from django.contrib import admin

from exams.admin.base import ReadOnlyAdmin
from exams.models import Walk


@admin.register(Walk)
class WalkAdmin(ReadOnlyAdmin):
    """What each walk saw."""

    list_display = (
        "started_at",
        "service",
        "is_full",
        "is_complete",
        "page_count",
        "seen_count",
        "new_count",
        "known_count",
        "error_count",
        "seconds",
    )
    list_filter = ("service", "is_full", "is_complete")
    list_select_related = ("service",)
    ordering = ("-started_at",)
    plain_fields = (*list_display, "error")
