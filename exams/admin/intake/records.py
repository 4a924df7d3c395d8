"""Notification records of Clarius Cloud, joined to the submissions they name."""

from dataclasses import replace
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from exams.admin.actions import run_audited
from exams.admin.intake._charts import overlay, stack
from exams.admin.lists import short_request
from exams.models import Submission
from exams.services.intake.statistics import (
    DELIVERY_LABELS,
    MISSED,
    POLLED,
    count_deliveries,
    days_of,
    recent_records,
    submissions_of,
    take_in_missed,
    with_delivery,
)
from exams.services.maintenance import actions
from foundation.address import client_address
from integrations.admin.records import SyncAdmin
from integrations.models import NotificationRecord, Sync

NEVER = "never"
LIST = "admin:integrations_notificationrecord_changelist"


class DeliveryFilter(admin.SimpleListFilter):
    """Filters notification records by their delivery."""

    title = "delivery"
    parameter_name = "delivery"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(NEVER, "never arrived"), *DELIVERY_LABELS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == NEVER:
            return queryset.filter(delivery__in=(POLLED, MISSED))
        return queryset.filter(delivery=self.value()) if self.value() else queryset


def _held_submissions(records: QuerySet[Any]) -> QuerySet[Any]:
    """Return the held submissions that the records name; resumed ones drop out, so it can be repeated."""
    named: Any = submissions_of(records).filter(state=Submission.State.HELD)
    return cast("QuerySet[Any]", named.without_data().newest_first())


@admin.register(NotificationRecord)
class NotificationRecordAdmin(SyncAdmin):
    """The list and page of notification records: what was sent, the response and the delivery."""

    sync_kind = Sync.Kind.RECORDS
    list_before_template = "exams/intake/records_before.html"
    list_display = ("sent_at", "service", "outcome", "status", "latency", "arrived", "to_us", "submission")
    list_filter = ("outcome", DeliveryFilter, "service", "is_ours")
    link_lookups = ("sent_at__gte",)
    search_fields = ("request_uuid",)
    search_help_text = "The UUID of a request."
    list_select_related = ("service",)
    ordering = ("-sent_at", "-pk")
    action_runner = staticmethod(run_audited)
    operators = "exams.operate_submission"
    actions = (replace(actions.RESUME, rows_of=_held_submissions),)
    fields = (
        "service",
        ("sent_at", "logged_at"),
        "latency",
        ("outcome", "status"),
        "error",
        ("url", "to_us"),
        "method",
        "content",
        "response",
        "arrived",
        "submission",
        "read_at",
    )
    readonly_fields = ("latency", "arrived", "to_us", "submission")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_delivery(NotificationRecord.objects.all())

    def get_urls(self) -> list[Any]:
        """Add the URL that imports missed submissions."""
        view = self.admin_site.admin_view(require_POST(self.take_in_view))
        return [
            path("take-in/", view, name="integrations_notificationrecord_take_in"),
            *super().get_urls(),
        ]

    @admin.display(description="latency", ordering="latency_ms")
    def latency(self, record: NotificationRecord) -> str:
        """Write the seconds until Clarius Cloud logged the notification."""
        return _seconds(record.latency_ms)

    @admin.display(description="arrived", ordering="delivery")
    def arrived(self, record: Any) -> str:
        """Write whether the notification arrived here."""
        return DELIVERY_LABELS[record.delivery]

    @admin.display(description="sent to", ordering="is_ours")
    def to_us(self, record: NotificationRecord) -> str:
        """Write whether the notification was sent to this portal."""
        return "this portal" if record.is_ours else "another address"

    @admin.display(description="submission")
    def submission(self, record: Any) -> str:
        """Link the submission that the record names."""
        found = Submission.objects.without_data().filter(uuid=record.submission_uuid).first()
        if found is None:
            return str(record.request_uuid or "—")
        url = reverse("admin:exams_submission_change", args=[found.pk])
        state = found.get_state_display()
        return format_html('<span><a href="{}">{}</a> ({})</span>', url, short_request(found), state)

    def panel_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add counts and charts to the panel."""
        context = super().panel_context(request)
        if request.path != reverse(LIST):
            return context
        days = days_of(recent_records())
        answers = (
            ("answered", "answered", lambda day: day.answered),
            ("failed", "failed", lambda day: day.failed),
            ("unclear", "unclear", lambda day: day.unclear),
        )
        times = (
            ("slowest", "slowest", lambda day: day.slowest_ms),
            ("mean", "average", lambda day: day.mean_ms),
        )
        return context | {
            "days": days,
            "counts": count_deliveries(recent_records()),
            "answers": stack(days, answers, unit=lambda value: f"{value:,.0f}"),
            "times": overlay(days, times, unit=_seconds),
            "take_in_url": reverse("admin:integrations_notificationrecord_take_in"),
        }

    def take_in_view(self, request: HttpRequest) -> HttpResponse:
        """Start a full poll of each service that missed a submission."""
        if not (self.has_view_permission(request) and self.may_read_again(request)):
            raise PermissionDenied
        services = take_in_missed(user=request.user, address=client_address(request))
        if services:
            names = ", ".join(service.name for service in services)
            messages.success(
                request, f"Missed submissions will be imported as soon as a worker is free: {names}."
            )
        else:
            messages.info(
                request, "Nothing is missing: the portal has every submission that the records name."
            )
        return HttpResponseRedirect(reverse(LIST))


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.2f} s"
