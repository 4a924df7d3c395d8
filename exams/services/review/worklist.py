"""The worklist: filtered submissions, page by page, with a count that stays cheap."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import User
from exams.models import Capture, Report, Submission
from exams.models.querysets import SubmissionQuerySet
from exams.permissions import visible_submissions
from exams.services.review.related import Numbered, number_submissions
from foundation.searching import time_limited

MINE, FREE = "mine", "free"
NO_REPORT, IN_TROUBLE, REPORTED = "none", "trouble", "sent"
TROUBLE = (Report.State.FAILED, Report.State.UNCERTAIN)


@dataclass(frozen=True)
class Filters:
    """The worklist's filters; every field except `words` may be part of a URL."""

    state: str = ""
    customer: uuid.UUID | None = None
    claim: str = ""
    report: str = ""
    since: date | None = None
    until: date | None = None
    words: str = field(default="", repr=False)

    @property
    def is_empty(self) -> bool:
        """True if no filter is set."""
        return self == Filters()


@dataclass(frozen=True)
class Row:
    """One line of the worklist."""

    submission: Submission
    thumbnail: uuid.UUID | None
    report: Report | None
    report_count: int
    place: Numbered


@dataclass(frozen=True)
class Page:
    """One page; `newer` and `older` are the rows next to which the neighbouring pages begin."""

    rows: list[Row]
    newer: uuid.UUID | None
    older: uuid.UUID | None
    count: int

    @property
    def is_capped(self) -> bool:
        """True if there are more rows than were counted."""
        return self.count > settings.WORKLIST_COUNT_LIMIT


@time_limited()
def list_submissions(
    *, user: User, filters: Filters, after: uuid.UUID | None = None, before: uuid.UUID | None = None
) -> Page:
    """Return the page below the row `after` or above the row `before`, or the newest page.

    Raises SearchTooLong.
    """
    found = filter_submissions(user=user, filters=filters)
    rows, has_newer, has_older = _slice(user=user, found=found, after=after, before=before)
    return Page(
        rows=describe_rows(user=user, submissions=rows),
        newer=rows[0].uuid if rows and has_newer else None,
        older=rows[-1].uuid if rows and has_older else None,
        # Counting stops at the limit, so that it stays cheap however many rows there are.
        count=found.order_by()[: settings.WORKLIST_COUNT_LIMIT + 1].count(),
    )


def filter_submissions(*, user: User, filters: Filters) -> SubmissionQuerySet:
    """Return the submissions that the account may see and that match the filters."""
    found = visible_submissions(user)
    if filters.state:
        found = found.filter(state=filters.state)
    if filters.customer:
        found = found.filter(customer__uuid=filters.customer)
    if filters.since:
        found = found.filter(submitted_at__gte=_midnight(filters.since))
    if filters.until:
        found = found.filter(submitted_at__lt=_midnight(filters.until, days_later=1))
    found = _filter_claim(found, claim=filters.claim, user=user)
    found = _filter_report(found, report=filters.report)
    return found.matching(filters.words) if filters.words else found


@time_limited()
def count_newer(*, user: User, filters: Filters, than: uuid.UUID) -> int:
    """Return how many matching submissions came after that row, counted up to 100; raises SearchTooLong."""
    row = visible_submissions(user).without_data().filter(uuid=than).first()
    if row is None:
        return 0
    return filter_submissions(user=user, filters=filters).newer_than(row).order_by()[:100].count()


def describe_rows(*, user: User, submissions: list[Submission]) -> list[Row]:
    """Return the worklist's rows for these submissions, in three queries however many there are."""
    thumbnails = _thumbnails(submissions)
    reports: dict[int, list[Report]] = {}
    for report in Report.objects.signed().filter(submission__in=submissions).order_by("-signed_at", "-pk"):
        reports.setdefault(report.submission_id, []).append(report)
    numbers = number_submissions(user=user, exam_ids={each.exam_id for each in submissions})
    return [
        Row(
            submission=each,
            thumbnail=thumbnails.get(each.pk),
            report=next(iter(reports.get(each.pk, [])), None),
            report_count=len(reports.get(each.pk, [])),
            place=numbers.get(each.pk, Numbered(number=1, of=1)),
        )
        for each in submissions
    ]


def _slice(
    *, user: User, found: SubmissionQuerySet, after: uuid.UUID | None, before: uuid.UUID | None
) -> tuple[list[Submission], bool, bool]:
    size = settings.WORKLIST_PAGE_SIZE
    rows = found.without_data().select_related("customer", "service", "claimed_by")
    places = visible_submissions(user).without_data()
    cursor = places.filter(uuid=after or before).first() if after or before else None
    if cursor is not None and before and not after:
        above = list(rows.newer_than(cursor).order_by("submitted_at", "id")[: size + 1])
        return above[:size][::-1], len(above) > size, True
    if cursor is not None:
        rows = rows.older_than(cursor)
    below = list(rows.newest_first()[: size + 1])
    return below[:size], cursor is not None, len(below) > size


def _filter_claim(found: SubmissionQuerySet, *, claim: str, user: User) -> SubmissionQuerySet:
    if claim == MINE:
        return found.filter(claimed_by=user)
    if claim == FREE:
        return found.filter(claimed_by=None)
    return found


def _filter_report(found: SubmissionQuerySet, *, report: str) -> SubmissionQuerySet:
    signed = Report.objects.signed().filter(submission=OuterRef("pk"))
    if report == NO_REPORT:
        return found.filter(~Exists(signed))
    if report == IN_TROUBLE:
        return found.filter(Exists(signed.filter(state__in=TROUBLE)))
    if report == REPORTED:
        return found.filter(Exists(signed))
    return found


def _thumbnails(submissions: Iterable[Submission]) -> dict[int, uuid.UUID]:
    first: dict[int, uuid.UUID] = {}
    captures = Capture.objects.filter(submission__in=submissions).exclude(thumbnail="")
    for submission_id, name in captures.order_by("position").values_list("submission_id", "uuid"):
        first.setdefault(submission_id, name)
    return first


def _midnight(day: date, *, days_later: int = 0) -> datetime:
    try:
        later = day + timedelta(days=days_later)
        return datetime.combine(later, time.min, tzinfo=timezone.get_current_timezone()).astimezone(UTC)
    except OverflowError:
        # Before the first or after the last moment that a database can handle.
        is_first = day.year == date.min.year
        return datetime.min.replace(tzinfo=UTC) if is_first else datetime.max.replace(tzinfo=UTC)
