"""Give up submissions and reports, send reports again, and resolve uncertain deliveries."""

from collections.abc import Callable, Sequence
from functools import partial
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

    Ready submissions are left alone. Clarius Cloud is not asked again whether it lists a notification; a
    poll run still finds that out.
    """
    end = partial(move_submissions, to=S.FAILED, failure_reason=Failure.GIVEN_UP)
    moving, stuck = (S.RECEIVED, S.FETCHING), (S.FAILED, S.HELD)
    return _give_up(queryset, end, moving, stuck, user=user, address=address)


def give_up_reports(*, queryset: QuerySet[Report], user: Any, address: str | None) -> int:
    """Stop sending reports that failed, are uncertain or wait, and return how many."""
    end = partial(move_reports, to=R.FAILED, failure_reason=ReportFailure.GIVEN_UP)
    return _give_up(queryset, end, (R.SIGNED,), (R.FAILED, R.UNCERTAIN), user=user, address=address)


def _give_up(
    queryset: QuerySet[Any],
    end: Callable[..., int],
    moving: Sequence[str],
    stuck: Sequence[str],
    *,
    user: Any,
    address: str | None,
) -> int:
    count = 0
    for row in queryset.order_by("pk"):
        with transaction.atomic():
            mine = queryset.model._default_manager.filter(pk=row.pk)
            given_up = {"given_up_at": timezone.now(), "not_before": None}
            waiting = mine.filter(state__in=stuck, given_up_at=None)
            if not (end(mine.filter(state__in=moving), **given_up) or waiting.update(**given_up)):
                continue
            add_entry(action=f"{row._meta.model_name}.given_up", actor=user, target=row, address=address)
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
