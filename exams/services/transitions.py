"""Change states of submissions, captures and reports; a transition that is not allowed changes nothing."""

from typing import Any

from django.db.models import QuerySet

from exams.models import Capture, Report, Submission

S, C, R = Submission.State, Capture.State, Report.State

# The states from which each state may be reached.
SUBMISSION_FROM: dict[str, frozenset[str]] = {
    S.RECEIVED: frozenset({S.HELD, S.FAILED}),
    S.HELD: frozenset(S.values),
    S.FETCHING: frozenset({S.RECEIVED, S.READY, S.FETCHING}),
    S.READY: frozenset({S.FETCHING}),
    S.FAILED: frozenset({S.RECEIVED, S.FETCHING}),
}
CAPTURE_FROM: dict[str, frozenset[str]] = {
    # A stored file that turned out to be damaged is fetched again.
    C.PENDING: frozenset({C.FAILED, C.STORED}),
    C.STORED: frozenset({C.PENDING}),
    C.FAILED: frozenset({C.PENDING}),
}
REPORT_FROM: dict[str, frozenset[str]] = {
    R.DRAFT: frozenset(),
    R.SIGNED: frozenset({R.DRAFT, R.SENDING, R.FAILED, R.UNCERTAIN}),
    R.SENDING: frozenset({R.SIGNED}),
    R.DELIVERED: frozenset({R.SENDING, R.UNCERTAIN}),
    R.FAILED: frozenset({R.SIGNED, R.SENDING}),
    R.UNCERTAIN: frozenset({R.SENDING}),
}


class NotAllowed(Exception):
    """The row's state does not allow what was asked for."""


def move_submissions(queryset: QuerySet[Any], *, to: str, hold_reason: str = "", **changes: Any) -> int:
    """Move the submissions whose state allows it to `to`, and return how many moved."""
    rows = queryset.filter(state__in=SUBMISSION_FROM[to])
    cleared = {"failure_reason": "", "failure_detail": "", "given_up_at": None}
    return rows.update(state=to, hold_reason=hold_reason, **(cleared | changes))


def move_submission(*, pk: int, to: str, hold_reason: str = "", **changes: Any) -> None:
    """Move one submission; raises NotAllowed."""
    rows = Submission.objects.filter(pk=pk)
    if not move_submissions(rows, to=to, hold_reason=hold_reason, **changes):
        raise NotAllowed(f"Submission {pk} cannot become {to}.")


def move_captures(queryset: QuerySet[Any], *, to: str, **changes: Any) -> int:
    """Move the captures whose state allows it to `to`, and return how many moved."""
    rows = queryset.filter(state__in=CAPTURE_FROM[to])
    return rows.update(state=to, **({"failure_reason": "", "failure_detail": ""} | changes))


def move_reports(queryset: QuerySet[Any], *, to: str, **changes: Any) -> int:
    """Move the reports whose state allows it to `to`, and return how many moved."""
    rows = queryset.filter(state__in=REPORT_FROM[to])
    cleared = {"failure_reason": "", "failure_detail": "", "given_up_at": None}
    return rows.update(state=to, **(cleared | changes))


def move_report(*, pk: int, to: str, **changes: Any) -> None:
    """Move one report; raises NotAllowed."""
    if not move_reports(Report.objects.filter(pk=pk), to=to, **changes):
        raise NotAllowed(f"Report {pk} cannot become {to}.")
