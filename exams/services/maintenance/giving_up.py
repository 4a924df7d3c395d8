"""Give up submissions and reports, send reports again, and settle uncertain ones."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.entries import add_entry
from exams.models import Report, Submission
from exams.services.reports.delivery import resolve_uncertain, retry_delivery
from exams.services.transitions import NotAllowed, move_reports, move_submissions
from exams.states import Failure, ReportFailure

S, R = Submission.State, Report.State


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
            add_entry(action="submission.given_up", actor=user, target=row, address=address)
        count += 1
    return count


def _end_fetch(moving: QuerySet[Any], now: datetime) -> int:
    ended = move_submissions(
        moving, to=S.FAILED, failure_reason=Failure.GIVEN_UP, given_up_at=now, not_before=None
    )
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
                waiting, to=R.FAILED, failure_reason=ReportFailure.GIVEN_UP, given_up_at=now, not_before=None
            )
            if not (ended or stuck.update(given_up_at=now)):
                continue
            add_entry(action="report.given_up", actor=user, target=row, address=address)
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
