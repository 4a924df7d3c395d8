"""Compare the notifications that the Cloud sent with those that arrived."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    Avg,
    Case,
    CharField,
    Count,
    Exists,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import TruncDate
from django.utils import timezone

from audit.entries import add_entry
from exams.models import Submission
from integrations.models import NotificationRecord, Service
from integrations.services.settings.pausing_and_polling import poll_everything

ARRIVED, POLLED, MISSED, UNREADABLE = "arrived", "polled", "missed", "unreadable"
DELIVERY_LABELS = {
    ARRIVED: "arrived",
    POLLED: "never arrived, found by polling",
    MISSED: "never arrived, exam missing",
    UNREADABLE: "does not name a submission",
}
# The charts and the list of missing exams go back this far.
DAYS_SHOWN = 30


@dataclass(frozen=True)
class Day:
    """One day of notifications, by the reader's calendar; times in milliseconds."""

    day: Any
    answered: int
    failed: int
    unclear: int
    never_arrived: int
    mean_ms: int
    slowest_ms: int

    @property
    def count(self) -> int:
        """Number of notifications sent."""
        return self.answered + self.failed + self.unclear


def with_delivery(records: QuerySet[NotificationRecord]) -> QuerySet[Any]:
    """Add to each record its `delivery`, and the UUID and state of the submission that it names."""
    named = Submission.objects.filter(service=OuterRef("service"), request_uuid=OuterRef("request_uuid"))
    return records.annotate(
        submission_uuid=Subquery(named.values("uuid")[:1]),
        submission_state=Subquery(named.values("state")[:1]),
        delivery=Case(
            When(request_uuid=None, then=Value(UNREADABLE)),
            When(Exists(named.filter(notified_at__isnull=False)), then=Value(ARRIVED)),
            When(Exists(named), then=Value(POLLED)),
            default=Value(MISSED),
            output_field=CharField(),
        ),
    )


def recent_records() -> QuerySet[NotificationRecord]:
    """Return the records of the last 30 days; polling no longer finds missing exams that are older."""
    return NotificationRecord.objects.filter(sent_at__gte=timezone.now() - timedelta(days=DAYS_SHOWN))


def days_of(records: QuerySet[NotificationRecord]) -> list[Day]:
    """Return every day from the first notification until today, oldest first."""
    rows: Any = with_delivery(records)
    by_day = rows.order_by().annotate(day=TruncDate("sent_at")).values("day")
    counted = by_day.annotate(
        **_outcomes(),
        never_arrived=Count("pk", filter=Q(delivery__in=(POLLED, MISSED))),
        mean_ms=Avg("latency_ms"),
        slowest_ms=Max("latency_ms"),
    )
    found = {row["day"]: Day(**{**row, "mean_ms": round(row["mean_ms"])}) for row in counted}
    if not found:
        return []
    first, today = min(found), max(timezone.localdate(), max(found))
    # A day without notifications is shown as well.
    dates = [first + timedelta(days=place) for place in range((today - first).days + 1)]
    return [found.get(date) or Day(date, 0, 0, 0, 0, 0, 0) for date in dates]


def _outcomes() -> dict[str, Count]:
    return {each.value: Count("pk", filter=Q(outcome=each)) for each in NotificationRecord.Outcome}


def count_deliveries(records: QuerySet[NotificationRecord]) -> dict[str, int]:
    """Count the notifications by outcome, those that never arrived, and those whose exams are missing."""
    rows: Any = with_delivery(records)
    counts: dict[str, int] = rows.aggregate(
        **_outcomes(),
        never_arrived=Count("pk", filter=Q(delivery__in=(POLLED, MISSED))),
        missed=Count("pk", filter=Q(delivery=MISSED)),
    )
    return counts


def missed_of(*, service: Service, since: datetime) -> QuerySet[Any]:
    """Return the records sent since then whose submissions are missing here."""
    rows: Any = with_delivery(NotificationRecord.objects.filter(service=service, sent_at__gte=since))
    return rows.filter(delivery=MISSED)


def take_in(*, service: Service, user: Any, address: str | None) -> None:
    """Make a full poll of the service due, which imports exams that were missed."""
    poll_everything(service=service, user=user, address=address)
    add_entry(action="records.taken_in", actor=user, target=service, address=address)


def take_in_missed(*, user: Any, address: str | None) -> list[Service]:
    """Make a full poll due for every service with missing exams, and return those services."""
    missed: Any = with_delivery(recent_records()).filter(delivery=MISSED)
    services = Service.objects.in_use().filter(pk__in=missed.order_by().values("service"))
    found = list(services.order_by("name"))
    for service in found:
        take_in(service=service, user=user, address=address)
    return found


def submissions_of(records: QuerySet[Any]) -> QuerySet[Submission]:
    """Return the submissions that records name, whatever their state."""
    naming = records.order_by().filter(service=OuterRef("service"), request_uuid=OuterRef("request_uuid"))
    named = records.order_by().exclude(request_uuid=None).values("request_uuid")
    return Submission.objects.filter(Exists(naming), request_uuid__in=named)
