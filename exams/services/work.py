"""What a person does about submissions and reports that do not get on by themselves."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from audit.record import record
from exams.models import Report, Submission
from exams.services.delivery import resolve_uncertain, retry_delivery
from exams.services.states import NotAllowed, move_reports, move_submissions

S, R = Submission.State, Report.State
# How the sentence of a fetch ends that brought a part.
COUNTED = re.compile(r"\d+ of \d+ captures arrived\.$")
INCOMPLETE = "Not every capture arrived."
GIVEN_UP = "An administrator gave it up."


@dataclass(frozen=True)
class Heap:
    """Rows of one model that wait for a person, in one state and for one reason."""

    state: str
    hold_reason: str
    reason: str
    count: int
    oldest: datetime | None


def list_stuck_submissions() -> list[Heap]:
    """Return what failed or is held until somebody decides, by state and reason, most first."""
    return _heaps_of_submissions(Submission.objects.waiting_for_a_person())


def list_submissions_going_on() -> list[Heap]:
    """Return what gets on by itself, or on a page of its own, by state and reason, most first."""
    return _heaps_of_submissions(Submission.objects.going_on())


def list_stuck_reports() -> list[Heap]:
    """Return reports that were not delivered, or perhaps were, by state and reason, most first."""
    return _heaps_of_reports(Report.objects.waiting_for_a_person())


def list_reports_going_on() -> list[Heap]:
    """Return reports that are signed and not delivered yet, by state, most first."""
    return _heaps_of_reports(Report.objects.going_on())


def _heaps_of_submissions(rows: QuerySet[Submission]) -> list[Heap]:
    groups = rows.order_by().values("state", "hold_reason", "failure_reason")
    counted = groups.annotate(count=Count("pk"), oldest=Min("received_at"))
    return _merged(
        Heap(
            state=row["state"],
            hold_reason=row["hold_reason"],
            reason=str(Submission.Hold(row["hold_reason"]).label)
            if row["hold_reason"]
            else without_count(row["failure_reason"]),
            count=row["count"],
            oldest=row["oldest"],
        )
        for row in counted
    )


def _heaps_of_reports(rows: QuerySet[Report]) -> list[Heap]:
    groups = rows.order_by().values("state", "failure_reason")
    return _merged(
        Heap(
            state=row["state"],
            hold_reason="",
            reason=row["failure_reason"],
            count=row["count"],
            oldest=row["oldest"],
        )
        for row in groups.annotate(count=Count("pk"), oldest=Min("signed_at"))
    )


def without_count(reason: str) -> str:
    """Return a reason without how many captures arrived: it is one reason, whatever the number."""
    return COUNTED.sub("", reason).strip() or (INCOMPLETE if reason else "")


def _merged(heaps: Iterable[Heap]) -> list[Heap]:
    merged: dict[tuple[str, str, str], Heap] = {}
    for heap in heaps:
        key = (heap.state, heap.hold_reason, heap.reason)
        other = merged.get(key)
        if other is not None:
            oldest = min((each for each in (heap.oldest, other.oldest) if each is not None), default=None)
            heap = replace(heap, count=heap.count + other.count, oldest=oldest)
        merged[key] = heap
    return sorted(merged.values(), key=lambda heap: (-heap.count, heap.state, heap.reason))


def give_up_submissions(*, queryset: QuerySet[Submission], user: Any, address: str | None) -> int:
    """Leave submissions as they are, or end their fetching, and return how many; a ready one stays."""
    count = 0
    for row in _chosen(queryset):
        with transaction.atomic():
            mine = Submission.objects.filter(pk=row.pk)
            now = timezone.now()
            moving = mine.filter(state__in=(S.RECEIVED, S.FETCHING))
            stuck = mine.filter(state__in=(S.FAILED, S.HELD), given_up_at=None)
            if not (_end_fetch(moving, now) or stuck.update(given_up_at=now)):
                continue
            record(action="submission.given_up", actor=user, target=row, address=address)
        count += 1
    return count


def _end_fetch(moving: QuerySet[Any], now: datetime) -> int:
    ended = move_submissions(moving, to=S.FAILED, failure_reason=GIVEN_UP, given_up_at=now, not_before=None)
    return int(ended)


def give_up_reports(*, queryset: QuerySet[Report], user: Any, address: str | None) -> int:
    """Send reports no more that failed, are uncertain or wait, and return how many."""
    count = 0
    for row in _chosen(queryset):
        with transaction.atomic():
            mine = Report.objects.filter(pk=row.pk)
            now = timezone.now()
            waiting = mine.filter(state=R.SIGNED)
            stuck = mine.filter(state__in=(R.FAILED, R.UNCERTAIN), given_up_at=None)
            ended = move_reports(
                waiting, to=R.FAILED, failure_reason=GIVEN_UP, given_up_at=now, not_before=None
            )
            if not (ended or stuck.update(given_up_at=now)):
                continue
            record(action="report.given_up", actor=user, target=row, address=address)
        count += 1
    return count


def send_reports_again(*, queryset: QuerySet[Report], user: Any, address: str | None) -> int:
    """Send again what failed or is uncertain, and return how many; an uncertain one may arrive twice."""

    def again(row: Report) -> None:
        if row.state == R.UNCERTAIN:
            resolve_uncertain(report=row, user=user, arrived=False, address=address)
        else:
            retry_delivery(report=row, user=user, address=address)

    return _each(queryset, again)


def mark_arrived(*, queryset: QuerySet[Report], user: Any, address: str | None) -> int:
    """Settle uncertain reports that a person saw in Clarius Cloud, and return how many."""
    return _each(
        queryset, lambda row: resolve_uncertain(report=row, user=user, arrived=True, address=address)
    )


def _each(queryset: QuerySet[Report], decide: Callable[[Report], None]) -> int:
    count = 0
    for row in _chosen(queryset.select_related("submission")):
        try:
            decide(row)
        except NotAllowed:
            continue
        count += 1
    return count


def _chosen(queryset: QuerySet[Any]) -> list[Any]:
    return list(queryset.order_by("pk"))
