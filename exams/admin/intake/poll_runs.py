"""Walks through the services' lists."""

from django.contrib import admin

from exams.admin.fetch.attempts import AttemptsAdmin
from exams.models import PollRun


@admin.register(PollRun)
class PollRunAdmin(AttemptsAdmin):
    """What each poll_run saw, and its calls."""

    kept = "The first page and the newest 49, kept for 30 days."

    list_display = (
        "started_at",
        "service",
        "extent",
        "end",
        "page_count",
        "seen_count",
        "new_count",
        "known_count",
        "error_count",
        "missing",
        "took",
    )
    list_filter = ("service", "is_full", "is_complete")
    list_select_related = ("service",)
    ordering = ("-started_at",)
    plain_fields = (*list_display, "remote_count", "local_count", "error")

    @admin.display(description="At the Cloud but not here")
    def missing(self, poll_run: PollRun) -> int | str:
        """Remote minus local count; nothing is missing when the Cloud lists fewer than it once did."""
        if poll_run.remote_count is None or poll_run.local_count is None:
            return "–"
        return max(0, poll_run.remote_count - poll_run.local_count)

    @admin.display(description="extent", ordering="is_full")
    def extent(self, poll_run: PollRun) -> str:
        """Say how far it was meant to go."""
        return "whole list" if poll_run.is_full else "newest first, until all are known"

    @admin.display(description="end", ordering="is_complete")
    def end(self, poll_run: PollRun) -> str:
        """Say whether it came to its end."""
        return "completed" if poll_run.is_complete else "broken off"

    @admin.display(description="took", ordering="seconds")
    def took(self, poll_run: PollRun) -> str:
        """Write the seconds as a person reads them."""
        return f"{poll_run.seconds:.2f} s"
