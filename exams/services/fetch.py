"""What is due is confirmed if it is a hint, and fetched if the Cloud lists it."""

import logging
from typing import Any

from django.db import transaction

from audit.record import record
from background.due import from_now
from background.jobs import schedule
from background.leases import DeadlineExceeded, Hold, Lease, LeaseLost, acquire, finish, holding, release
from exams.models import Submission
from exams.services.attempt import Attempt, Stop
from exams.services.hints import confirm_hint
from exams.services.holds import retry_submissions
from exams.services.states import NotAllowed

logger = logging.getLogger(__name__)

DEADLINE_SECONDS = 60 * 60
S, H = Submission.State, Submission.Hold
FETCHABLE = frozenset({S.RECEIVED, S.FETCHING, S.READY})


def fetch_submission(*, pk: int) -> None:
    """Confirm the submission if it is a hint, then fetch it; does nothing when another worker holds it."""
    while _work(pk):
        # It was a hint and is confirmed now: no need to wait for the next message.
        pass


def _work(pk: int) -> bool:
    lease = acquire(model=Submission, pk=pk)
    if lease is None:
        return False
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS) as held:
            return _dispatch(pk=pk, lease=lease, held=held)
    except LeaseLost:
        logger.info("Another worker goes on with submission %s.", pk)
    except DeadlineExceeded:
        # What is stored stays stored; the rest goes on in a new attempt.
        release(lease=lease, not_before=from_now())
    return False


def _dispatch(*, pk: int, lease: Lease, held: Hold) -> bool:
    submission = Submission.objects.select_related("service", "customer").get(pk=pk)
    if submission.state == S.HELD and submission.hold_reason == H.UNCONFIRMED:
        return confirm_hint(submission=submission, lease=lease, held=held)
    if submission.state not in FETCHABLE:
        finish(lease=lease)
        return False
    attempt = Attempt(submission=submission, lease=lease, held=held)
    try:
        try:
            attempt.run()
        except Stop as stop:
            attempt.end(stop.verdict)
    except NotAllowed:
        # An administrator stopped it meanwhile: the state is theirs, only the row is given up.
        finish(lease=lease)
    return False


def check_again(*, submission: Submission, user: Any, address: str | None) -> None:
    """Read the data anew, fetch what is new or failed, remove nothing; raises NotAllowed for a held one."""
    rows = Submission.objects.filter(pk=submission.pk)
    if retry_submissions(queryset=rows, user=user, address=address):
        return
    with transaction.atomic():
        if not schedule(queryset=rows.filter(state__in=FETCHABLE)):
            raise NotAllowed("A held submission is not fetched.")
        rows.update(not_ready_since=None)
        record(action="submission.checked_again", actor=user, target=submission, address=address)
