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
        "missing",
        "seconds",
    )
    list_filter = ("service", "is_full", "is_complete")
    list_select_related = ("service",)
    ordering = ("-started_at",)
    plain_fields = (*list_display, "remote_count", "local_count", "error")

    @admin.display(description="At the Cloud but not here")
    def missing(self, walk: Walk) -> int | str:
        """Remote minus local count; below zero when the Cloud lists fewer than it once did."""
        if walk.remote_count is None or walk.local_count is None:
            return "–"
        return walk.remote_count - walk.local_count
