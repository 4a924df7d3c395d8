"""The job of a submission: confirm it with the Cloud, then fetch its captures."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from audit.entries import add_entry
from background.due import schedule
from background.leases import Hold
from background.runner import TRIES, Done, Job, Later, Outcome
from exams.models import Submission
from exams.services.fetch.attempt import Attempt
from exams.services.holds.holding import retry_submissions
from exams.services.intake.confirmation import confirm_notification
from exams.services.transitions import NotAllowed
from exams.states import Failure
from exams.states import Hold as H
from exams.states import SubmissionState as S

FETCHABLE = frozenset({S.RECEIVED, S.FETCHING, S.READY})


def check_again(*, submission: Submission, user: Any, address: str | None) -> None:
    """Read the data again and fetch what is new or failed; raises NotAllowed for a held submission."""
    rows = Submission.objects.filter(pk=submission.pk)
    if retry_submissions(queryset=rows, user=user, address=address):
        return
    with transaction.atomic():
        if not schedule(rows.filter(state__in=FETCHABLE)):
            raise NotAllowed("A held submission is not fetched.")
        rows.update(not_ready_since=None)
        add_entry(action="submission.checked_again", actor=user, target=submission, address=address)


def _is_unconfirmed(submission: Submission) -> bool:
    return submission.state == S.HELD and submission.hold_reason == H.UNCONFIRMED


def _is_still_wanted(submission: Submission) -> bool:
    """Lock the row; False if an administrator stopped it or gave it up during the try."""
    rows = Submission.objects.select_for_update().filter(pk=submission.pk)
    unconfirmed = Q(state=S.HELD, hold_reason=H.UNCONFIRMED)
    return rows.filter(Q(state__in=FETCHABLE) | unconfirmed).exists()


def _note_missing(submission: Submission, hold: Hold) -> None:
    # Before anything can end the attempt: a damaged capture may be lost for good.
    if submission.state in FETCHABLE:
        Attempt(submission, hold).note_missing()


def _confirm_or_fetch(submission: Submission, hold: Hold) -> Outcome:
    if _is_unconfirmed(submission):
        return confirm_notification(submission=submission, hold=hold)
    return Attempt(submission, hold).run()


def _give_up(submission: Submission, hold: Hold, last: Later | None) -> Outcome:
    if _is_unconfirmed(submission):
        # A poll run confirms it if the Cloud lists it.
        return Done()
    if last is not None:
        return Attempt(submission, hold).give_up(last.changes)
    detail = "Too many attempts failed."
    return Attempt(submission, hold).give_up(
        {"failure_reason": Failure.TOO_MANY_TRIES, "failure_detail": detail}
    )


FETCH = Job(
    name="exams.fetch_submission",
    model=Submission,
    work=_confirm_or_fetch,
    waits_for="service",
    # Stored captures are kept; a new attempt fetches the rest.
    deadline=timedelta(hours=1),
    # About an hour of definite errors and dead workers; what is only away is waited for without end.
    tries=TRIES,
    related=("service", "customer"),
    applies=lambda submission: submission.state in FETCHABLE or _is_unconfirmed(submission),
    recover=_note_missing,
    guard=_is_still_wanted,
    exhausted=_give_up,
    # An administrator stopped it meanwhile, and decides what happens next.
    gone=(NotAllowed,),
)
