"""Give up submissions and reports, send reports again, and resolve uncertain deliveries."""

from collections.abc import Callable
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
    """Mark failed and held submissions as given up, end the fetching of others, and return how many.

    Ready submissions are left alone.
    """
    count = 0
    for row in queryset.order_by("pk"):
        with transaction.atomic():
            mine = Submission.objects.filter(pk=row.pk)
            now = timezone.now()
            moving = mine.filter(state__in=(S.RECEIVED, S.FETCHING))
            stuck = mine.filter(state__in=(S.FAILED, S.HELD), given_up_at=None)
            ended = move_submissions(
                moving, to=S.FAILED, failure_reason=Failure.GIVEN_UP, given_up_at=now, not_before=None
            )
            # The Cloud is not asked again whether it lists a notification; a poll run still finds that out.
            if not (ended or stuck.update(given_up_at=now, not_before=None)):
                continue
            add_entry(action="submission.given_up", actor=user, target=row, address=address)
        count += 1
    return count


def give_up_reports(*, queryset: QuerySet[Report], user: Any, address: str | None) -> int:
    """Stop sending reports that failed, are uncertain or wait, and return how many."""
    count = 0
    for row in queryset.order_by("pk"):
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
    """Send failed and uncertain reports again, and return how many; an uncertain one may arrive twice."""

    def again(row: Report) -> None:
        if row.state == R.UNCERTAIN:
            resolve_uncertain(report=row, user=user, arrived=False, address=address)
        else:
            retry_delivery(report=row, user=user, address=address)

    return _decide_each(queryset, again)


def mark_arrived(*, queryset: QuerySet[Report], user: Any, address: str | None) -> int:
    """Mark uncertain reports as delivered because a person saw them in Clarius Cloud; return how many."""
    return _decide_each(
        queryset, lambda row: resolve_uncertain(report=row, user=user, arrived=True, address=address)
    )


def _decide_each(queryset: QuerySet[Report], decide: Callable[[Report], None]) -> int:
    count = 0
    for row in queryset.select_related("submission").order_by("pk"):
        try:
            decide(row)
        except NotAllowed:
            continue
        count += 1
    return count
