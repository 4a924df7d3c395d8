"""Poll runs of services."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from exams.admin.fetch.attempts import AttemptsAdmin
from exams.models import PollRun


class UnreadFilter(admin.SimpleListFilter):
    """Filters the list for runs that met exams which could not be read."""

    title = "unread exams"
    parameter_name = "unread"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "some")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PollRun]) -> QuerySet[PollRun]:
        return queryset.filter(error_count__gt=0) if self.value() == "yes" else queryset


@admin.register(PollRun)
class PollRunAdmin(AttemptsAdmin):
    """The list and page of poll runs, with their counts and calls."""

    kept = "The first page and the newest 49, kept for 30 days."

    list_display = (
        "started_at",
        "service",
        "extent",
        "result",
        "page_count",
        "seen_count",
        "new_count",
        "known_count",
        "error_count",
        "missing",
        "took",
    )
    list_filter = ("service", "is_full", "is_complete", UnreadFilter)
    list_select_related = ("service",)
    ordering = ("-started_at",)
    plain_fields = (*list_display, "remote_count", "local_count", "error", "could_not_read")

    @admin.display(description="missing here")
    def missing(self, poll_run: PollRun) -> int | str:
        """Return the remote minus the local count; 0 if Clarius Cloud lists fewer than before."""
        if poll_run.remote_count is None or poll_run.local_count is None:
            return "–"
        return max(0, poll_run.remote_count - poll_run.local_count)

    @admin.display(description="could not be read")
    def could_not_read(self, poll_run: PollRun) -> str:
        """Write the fault of each item that could not be read, at most twenty."""
        return format_html_join("", "{}<br>", ([each] for each in poll_run.unread)) or "–"

    @admin.display(description="extent", ordering="is_full")
    def extent(self, poll_run: PollRun) -> str:
        """Write the extent of the run."""
        return "whole list" if poll_run.is_full else "newest first"

    @admin.display(description="result", ordering="is_complete")
    def result(self, poll_run: PollRun) -> str:
        """Write whether the run was completed."""
        return "completed" if poll_run.is_complete else "interrupted"

    @admin.display(description="took", ordering="seconds")
    def took(self, poll_run: PollRun) -> str:
        """Write the duration in seconds."""
        return f"{poll_run.seconds:.2f} s"
