"""The job of a submission: confirm it with the Cloud, then read its data, fetch its files and decide its end.

What an error means is in `exams.services.rules`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from audit.entries import add_entry
from background.backoff import Backoff
from background.due import schedule
from background.leases import DeadlineExceeded, Hold, LeaseLost
from background.runner import TRIES, Done, Job, Later, Outcome
from exams.models import Call, Capture, Submission
from exams.services.calls import logged_call, logged_files
from exams.services.fetch._reading import read_data
from exams.services.holds.holding import is_own_address, retry_submissions
from exams.services.intake.confirmation import confirm_notification
from exams.services.media.download import Fetched, fetch_captures
from exams.services.reports.changes import notify_of_changes
from exams.services.rules import DATA_RULES, MEDIA_RULES, PATIENCE
from exams.services.transitions import NotAllowed, move_captures, move_submission
from exams.states import CaptureState as C
from exams.states import Failure
from exams.states import Hold as H
from exams.states import SubmissionState as S
from exams.storage import StoredFile
from integrations.clarius import errors
from integrations.cloud import CloudProblem, Means, cloud, judge
from integrations.models import Link

FETCHABLE = frozenset({S.RECEIVED, S.FETCHING, S.READY})
# Links expire, and a slow line may need fresh ones more than once; links that are always dead end here.
LINKS_ASKED = 3
KINDS = {"image": Capture.Kind.IMAGE, "video": Capture.Kind.VIDEO}
NOT_CHECKED = {H.UNLINKED: Failure.NOT_CHECKED_UNLINKED, H.FOREIGN_URL: Failure.NOT_CHECKED_FOREIGN}
# Least severe first: while something is only unavailable, nothing counts against the exam.
SEVERITY = (Means.WAIT, Means.NOT_READY, Means.COUNT, Means.NEVER)


@dataclass
class Attempt:
    """One attempt to fetch a submission that the Cloud lists."""

    submission: Submission
    hold: Hold
    _asked: int = 0
    _problems: list[CloudProblem] = field(default_factory=list)

    def run(self) -> Outcome:
        """Fetch what is missing; raises NotAllowed and LeaseLost."""
        submission = self.submission
        linked = Link.objects.filter(customer=submission.customer_id, state=Link.State.CONFIRMED)
        if not submission.resumed_at and not linked.exists():
            return self._keep_back(H.UNLINKED)
        if not is_own_address(service=submission.service, url=submission.download_url):
            return self._keep_back(H.FOREIGN_URL)
        try:
            links = self._read_links()
            _note_missing(self.submission)
            self._fetch_all(links)
            self._fail_unlisted()
            if self._problems:
                raise min(self._problems, key=lambda problem: SEVERITY.index(problem.means))
        except CloudProblem as problem:
            return self._end_with(problem)
        return Done(effect=self._decide_state)

    def give_up(self, failure: Mapping[str, Any]) -> Done:
        """Fail what has not arrived, for this reason; a complete exam stays READY."""
        return Done(effect=lambda: self._write_failure(failure))

    def _keep_back(self, reason: H) -> Outcome:
        if self.submission.state == S.READY:
            # It was only being checked again, and is still complete.
            return Done({"failure_reason": NOT_CHECKED[reason], "failure_detail": ""})
        if self.submission.ready_at and reason == H.FOREIGN_URL:
            # Nothing ends this hold, and the stored part of an exam that was once complete must stay visible.
            return self.give_up({"failure_reason": NOT_CHECKED[reason]})
        return Done(effect=lambda: move_submission(pk=self.submission.pk, to=S.HELD, hold_reason=reason))

    def _read_links(self) -> dict[int, str]:
        """Read the data from the Cloud, store it, and return the link of each missing capture."""
        self._asked += 1
        submission, kind = self.submission, Call.Kind.DATA
        with cloud(submission.service, rules=DATA_RULES) as client:
            if submission.state == S.RECEIVED:
                move_submission(pk=submission.pk, to=S.FETCHING)
                submission.state = S.FETCHING
            with logged_call(kind=kind, client=client, rules=DATA_RULES, submission=submission):
                data = client.download_data(download_url=submission.download_url)
        self.hold.check()
        if data.request_uuid != submission.request_uuid:
            raise CloudProblem("request_uuid differs", means=Means.COUNT, code=Failure.OTHER_SUBMISSION)
        with self.hold.step():
            links = read_data(submission=submission, data=data)
        if data.captures is None:
            raise CloudProblem("no list", means=Means.NOT_READY, code=Failure.NO_CAPTURE_LIST)
        pending = Capture.objects.filter(submission=submission, state=C.PENDING)
        pairs = pending.values_list("pk", "source_key")
        found = {pk: links[key] for pk, key in pairs if key in links}
        for capture in [pk for pk, url in found.items() if not url]:
            self._fail_capture(capture, Failure.LINK_MISSING, "")
            del found[capture]
        return found

    def _fetch_all(self, links: dict[int, str]) -> None:
        """Fetch every link, and request fresh ones when some have expired; failures are kept as problems."""
        stored = Capture.objects.filter(submission=self.submission, state=C.STORED)
        while links:
            dead: dict[int, Exception] = {}
            stored_bytes = stored.aggregate(total=Sum("size"))["total"] or 0
            with logged_files(submission=self.submission, count=len(links)) as outcomes:
                for outcome in fetch_captures(links=links, stored_bytes=stored_bytes, hold=self.hold):
                    outcomes.append(outcome.error)
                    if isinstance(outcome.error, errors.LinkDead):
                        dead[outcome.capture] = outcome.error
                    else:
                        self._handle_outcome(outcome)
            if not dead:
                return
            if self._asked > LINKS_ASKED:
                for capture, error in dead.items():
                    self._handle_outcome(Fetched(capture, error=error))
                return
            fresh = self._read_links()
            links = {capture: url for capture, url in fresh.items() if capture in dead}

    def _handle_outcome(self, outcome: Fetched) -> None:
        if outcome.file is not None:
            self._store(outcome.capture, outcome.file)
            return
        error = outcome.error
        if error is None:
            return
        if isinstance(error, (LeaseLost, DeadlineExceeded)):
            # The lease may be back by now, but going on would treat this capture as no longer listed.
            raise error
        problem = judge(error, MEDIA_RULES)
        if problem.means == Means.NEVER:
            self._fail_capture(outcome.capture, problem.code, problem.detail)
        else:
            self._problems.append(problem)

    def _store(self, capture: int, file: StoredFile) -> None:
        now = timezone.now()
        with self.hold.step():
            moved = move_captures(
                Capture.objects.filter(pk=capture),
                to=C.STORED,
                file=file.path,
                sha256=file.sha256,
                size=file.size,
                media_type=file.media_type,
                kind=KINDS.get(file.media_type.partition("/")[0], Capture.Kind.OTHER),
                stored_at=now,
                # Makes its preview due.
                not_before=now,
            )
            Submission.objects.filter(pk=self.submission.pk).update(
                stored_count=F("stored_count") + moved, not_ready_since=None
            )

    def _fail_capture(self, capture: int, reason: str, detail: str) -> None:
        with self.hold.step():
            rows = Capture.objects.filter(pk=capture)
            move_captures(rows, to=C.FAILED, failure_reason=reason, failure_detail=detail)

    def _fail_unlisted(self) -> None:
        """Fail captures that are no longer listed; others still to be fetched are kept as a problem."""
        if self._problems:
            return
        pending = Capture.objects.filter(submission=self.submission, state=C.PENDING)
        # The Cloud listed them earlier, but no longer does.
        for pk in list(pending.filter(is_listed=False).values_list("pk", flat=True)):
            self._fail_capture(pk, Failure.NOT_LISTED, "not listed")
        if pending.exists():
            # Found damaged, or listed, after this attempt read its links. The next one fetches them.
            self._problems.append(CloudProblem("", means=Means.WAIT, code=Failure.MORE_TO_COME))

    def _decide_state(self) -> dict[str, Any] | None:
        notify_of_changes(submission=self.submission.pk)
        if Capture.objects.filter(submission=self.submission).exclude(state=C.STORED).exists():
            detail = "See the captures that failed."
            return self._fail({"failure_reason": Failure.INCOMPLETE, "failure_detail": detail})
        if self.submission.state == S.READY:
            return {"failure_reason": "", "failure_detail": ""}
        self._finish(to=S.READY, ready_at=timezone.now())
        return None

    def _end_with(self, problem: CloudProblem) -> Outcome:
        """Postpone or fail the submission, depending on the problem."""
        now = timezone.now()
        self.submission.refresh_from_db(fields=["not_ready_since"])
        since = self.submission.not_ready_since
        tried_for = now - since if since is not None else timedelta(0)
        failure: dict[str, Any] = {"failure_reason": problem.code, "failure_detail": problem.detail}
        is_patient = problem.means == Means.NOT_READY
        if problem.means == Means.NEVER or (is_patient and tried_for >= PATIENCE):
            return self.give_up(failure)
        if problem.is_away:
            return problem.later(**(failure if problem.error is not None else {}))
        if is_patient:
            failure["not_ready_since"] = Coalesce(F("not_ready_since"), now)
            return Later(Backoff(problem.retry_after, tried_for=tried_for), changes=failure)
        return problem.later(**failure)

    def _write_failure(self, failure: Mapping[str, Any]) -> dict[str, Any] | None:
        pending = Capture.objects.filter(submission=self.submission, state=C.PENDING)
        move_captures(pending, to=C.FAILED, **failure)
        notify_of_changes(submission=self.submission.pk)
        return self._fail(failure)

    def _fail(self, failure: Mapping[str, Any]) -> dict[str, Any] | None:
        # One of its files may have been found damaged since the attempt began.
        _note_missing(self.submission)
        if self.submission.state == S.READY:
            return dict(failure)
        self._finish(to=S.FAILED, **failure)
        return None

    def _finish(self, *, to: str, **changes: Any) -> None:
        stored = Capture.objects.filter(submission=self.submission, state=C.STORED).count()
        move_submission(pk=self.submission.pk, to=to, stored_count=stored, not_ready_since=None, **changes)


def _note_missing(submission: Submission, hold: Hold | None = None) -> None:
    """Move a READY exam back to FETCHING if one of its captures is missing; raises NotAllowed."""
    missing = Capture.objects.filter(submission=submission).exclude(state=C.STORED)
    if submission.state == S.READY and missing.exists():
        move_submission(pk=submission.pk, to=S.FETCHING)
        submission.state = S.FETCHING


def _is_unconfirmed(submission: Submission) -> bool:
    return submission.state == S.HELD and submission.hold_reason == H.UNCONFIRMED


def _is_still_wanted(submission: Submission) -> bool:
    """Lock the row; False if an administrator stopped it or gave it up during the try."""
    rows = Submission.objects.select_for_update().filter(pk=submission.pk)
    unconfirmed = Q(state=S.HELD, hold_reason=H.UNCONFIRMED, given_up_at=None)
    return rows.filter(Q(state__in=FETCHABLE) | unconfirmed).exists()


def _confirm_or_fetch(submission: Submission, hold: Hold) -> Outcome:
    if _is_unconfirmed(submission):
        return confirm_notification(submission=submission, hold=hold)
    return Attempt(submission, hold).run()


def _give_up(submission: Submission, hold: Hold, last: Later | None) -> Outcome:
    if _is_unconfirmed(submission):
        # A poll run confirms it if the Cloud lists it.
        return Done()
    failure = {"failure_reason": Failure.TOO_MANY_TRIES, "failure_detail": "Too many attempts failed."}
    return Attempt(submission, hold).give_up(failure if last is None else last.changes)


FETCH = Job(
    name="exams.fetch_submission",
    model=Submission,
    work=_confirm_or_fetch,
    waits_for="service",
    # Stored captures are kept; a new attempt fetches the rest.
    deadline=timedelta(hours=1),
    # About an hour of definite errors and dead workers; what is only away is waited for without end.
    tries=TRIES,
    # An exam of today never waits for a backlog. What is not confirmed has no time yet: it was just notified.
    order=F("submitted_at").desc(nulls_first=True),
    related=("service", "customer"),
    applies=lambda submission: submission.state in FETCHABLE or _is_unconfirmed(submission),
    # Before anything can end the attempt: a damaged capture may be lost for good.
    recover=_note_missing,
    guard=_is_still_wanted,
    exhausted=_give_up,
    # An administrator stopped it meanwhile, and decides what happens next.
    gone=(NotAllowed,),
)


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
