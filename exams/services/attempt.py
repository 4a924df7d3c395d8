"""One attempt to fetch a listed submission: read the data, fetch the files, settle the state."""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from background.leases import (
    MAX_ATTEMPTS,
    DeadlineExceeded,
    Hold,
    Lease,
    LeaseLost,
    finish,
    release,
    renew,
)
from exams.models import Call, Capture, Submission
from exams.services.calls import files_noted, noted
from exams.services.holds import is_linked, is_own_address
from exams.services.media import Fetched, fetch_captures
from exams.services.reading import read_data
from exams.services.states import move_captures, move_submission
from exams.services.verdicts import (
    Retry,
    Verdict,
    is_out_of_patience,
    judge_data,
    judge_media,
    may_call,
    next_turn,
    pause,
)
from exams.storage import StoredFile
from integrations.clarius import DownloadData, errors
from integrations.services import circuit
from integrations.services.clients import NoKey, client_for

LINKS_ASKED = 3
S, H, C = Submission.State, Submission.Hold, Capture.State
KINDS = {"image": Capture.Kind.IMAGE, "video": Capture.Kind.VIDEO}


class Stop(Exception):
    """The attempt ends here, as the verdict says."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


@dataclass
class Attempt:
    """One attempt to fetch a submission that the Cloud lists."""

    submission: Submission
    lease: Lease
    held: Hold
    _asked: int = 0
    _troubles: list[Verdict] = field(default_factory=list)

    def run(self) -> None:
        """Fetch what is missing and settle the state; raises Stop, NotAllowed and LeaseLost."""
        # Before anything can end the attempt: a damaged capture may be lost for good.
        self._note_missing()
        if self._must_not_start():
            return
        if self.submission.state == S.RECEIVED:
            move_submission(pk=self.submission.pk, to=S.FETCHING)
        links = self._read_links()
        self._note_missing()
        self._fetch_all(links)
        self._settle()

    def _note_missing(self) -> None:
        """Have an exam not be READY while one of its captures is missing; raises NotAllowed."""
        missing = Capture.objects.filter(submission=self.submission).exclude(state=C.STORED)
        if self.submission.state == S.READY and missing.exists():
            move_submission(pk=self.submission.pk, to=S.FETCHING)
            self.submission.state = S.FETCHING

    def _must_not_start(self) -> bool:
        submission = self.submission
        if not submission.released_at and not is_linked(submission=submission):
            self._hold(H.UNLINKED)
        elif not is_own_address(service=submission.service, url=submission.download_url):
            self._hold(H.FOREIGN_URL)
        elif self.lease.attempt > MAX_ATTEMPTS:
            raise Stop(
                Verdict(Retry.NEVER, "The exam could not be fetched.", "Too many attempts ended badly.")
            )
        elif not may_call(service=submission.service):
            release(lease=self.lease, not_before=next_turn(now=timezone.now()), count_attempt=False)
        else:
            return False
        return True

    def _hold(self, reason: str) -> None:
        if self.submission.state == S.READY:
            # It was only to be checked again: what is here stays as good as it was.
            finish(lease=self.lease, failure_reason=f"Not checked again: {H(reason).label}.")
            return
        if self.submission.ready_at and reason == H.FOREIGN_URL:
            # Nothing ends that hold, and what is stored of an exam that was whole is to stay in sight.
            raise Stop(Verdict(Retry.NEVER, f"Not fetched again: {H(reason).label}.", ""))
        with transaction.atomic():
            move_submission(pk=self.submission.pk, to=S.HELD, hold_reason=reason)
            finish(lease=self.lease)

    def _read_links(self) -> dict[int, str]:
        """Ask the Cloud for the data, take it in, and return the link of each capture that is missing."""
        data = self._download_data()
        with transaction.atomic():
            links = read_data(submission=self.submission, data=data, lease=self.lease)
        rows = Capture.objects.filter(submission=self.submission, state=C.PENDING)
        pairs = rows.values_list("pk", "source_key")
        return {pk: links[key] for pk, key in pairs if key in links}

    def _download_data(self) -> DownloadData:
        self._asked += 1
        service = self.submission.service
        try:
            with (
                client_for(service=service) as client,
                noted(kind=Call.Kind.DATA, client=client, submission=self.submission),
            ):
                data = client.download_data(download_url=self.submission.download_url)
        except errors.KeyRefused as error:
            if circuit.key_is_refused(service=service):
                raise Stop(
                    Verdict(Retry.LATER, "Clarius Cloud refuses the API key.", "", circuit.PROBE_EVERY)
                ) from None
            raise Stop(judge_data(error)) from None
        except (errors.ClariusError, NoKey) as error:
            raise Stop(judge_data(error)) from None
        self.held.check()
        if data.request_uuid != self.submission.request_uuid:
            raise Stop(
                Verdict(
                    Retry.COUNTED, "Clarius Cloud answered with another submission.", "request_uuid differs"
                )
            )
        return data

    def _fetch_all(self, links: dict[int, str]) -> None:
        """Fetch every link, asking for fresh ones when some have died; what stays open is a trouble."""
        while links:
            dead: dict[int, Exception] = {}
            with files_noted(submission=self.submission, count=len(links)) as failures:
                for outcome in fetch_captures(links=links, stored_bytes=self._stored_bytes(), held=self.held):
                    if outcome.error is not None:
                        failures.append(outcome.error)
                    if isinstance(outcome.error, errors.LinkDead):
                        dead[outcome.capture] = outcome.error
                    else:
                        self._take(outcome)
            if not dead:
                return
            if self._asked > LINKS_ASKED:
                for capture, error in dead.items():
                    self._take(Fetched(capture, error=error))
                return
            fresh = self._read_links()
            links = {capture: url for capture, url in fresh.items() if capture in dead}

    def _stored_bytes(self) -> int:
        rows = Capture.objects.filter(submission=self.submission, state=C.STORED)
        return rows.aggregate(total=Sum("size"))["total"] or 0

    def _take(self, outcome: Fetched) -> None:
        if outcome.file is not None:
            self._store(outcome.capture, outcome.file)
            return
        error = outcome.error
        if error is None:
            return
        if isinstance(error, (LeaseLost, DeadlineExceeded)):
            # The holder may have its lease again by now; going on would take this capture for unlisted.
            raise error
        verdict = judge_media(error)
        if verdict.retry is Retry.NEVER:
            self._fail_capture(outcome.capture, verdict)
        else:
            self._troubles.append(verdict)

    def _store(self, capture: int, file: StoredFile) -> None:
        now = timezone.now()
        with transaction.atomic():
            renew(lease=self.lease)
            moved = move_captures(
                Capture.objects.filter(pk=capture),
                to=C.STORED,
                file=file.path,
                sha256=file.sha256,
                size=file.size,
                media_type=file.media_type,
                kind=KINDS.get(file.media_type.partition("/")[0], Capture.Kind.OTHER),
                stored_at=now,
                # Due: its preview.
                not_before=now,
            )
            Submission.objects.filter(pk=self.submission.pk).update(
                stored_count=F("stored_count") + moved, not_ready_since=None
            )

    def _fail_capture(self, capture: int, verdict: Verdict) -> None:
        with transaction.atomic():
            renew(lease=self.lease)
            move_captures(
                Capture.objects.filter(pk=capture),
                to=C.FAILED,
                failure_reason=verdict.reason,
                failure_detail=verdict.detail,
            )

    def _settle(self) -> None:
        """Write what the attempt came to; raises Stop when some captures are still to come."""
        rows = Capture.objects.filter(submission=self.submission)
        if not self._troubles:
            self._settle_pending(rows.filter(state=C.PENDING))
        if self._troubles:
            raise Stop(min(self._troubles, key=lambda verdict: verdict.retry.value))
        total, stored = rows.count(), rows.filter(state=C.STORED).count()
        with transaction.atomic():
            if stored < total:
                self._fail(f"{stored} of {total} captures arrived.", "See the captures that failed.")
            elif self.submission.state != S.READY:
                self._finish(to=S.READY, ready_at=timezone.now())
            else:
                finish(lease=self.lease, failure_reason="", failure_detail="")

    def _settle_pending(self, rows: QuerySet[Capture]) -> None:
        # Listed once, and not any more.
        gone = Verdict(Retry.NEVER, "Clarius Cloud no longer lists this capture.", "not listed")
        for pk in list(rows.filter(is_listed=False).values_list("pk", flat=True)):
            self._fail_capture(pk, gone)
        if rows.exists():
            # Found damaged, or listed, since this attempt asked for its links: the next one has theirs.
            more = "A capture is still to be fetched; the portal goes on by itself."
            self._troubles.append(Verdict(Retry.LATER, more, ""))

    def end(self, verdict: Verdict) -> None:
        """Put the submission off or fail it, as the verdict says."""
        now = timezone.now()
        self.submission.refresh_from_db(fields=["not_ready_since"])
        is_last = verdict.retry is Retry.COUNTED and self.lease.attempt >= MAX_ATTEMPTS
        is_late = verdict.retry is Retry.PATIENTLY and is_out_of_patience(submission=self.submission, now=now)
        if verdict.retry is Retry.NEVER or is_last or is_late:
            self._give_up(verdict)
            return
        changes: dict[str, Any] = {"failure_reason": verdict.reason, "failure_detail": verdict.detail}
        since = self.submission.first_tried_at
        if verdict.retry is Retry.PATIENTLY:
            changes["not_ready_since"] = Coalesce(F("not_ready_since"), now)
            since = self.submission.not_ready_since
        if verdict.retry is not Retry.COUNTED:
            changes["first_tried_at"] = F("first_tried_at")
        release(
            lease=self.lease,
            not_before=pause(now=now, since=since, retry_after=verdict.retry_after),
            count_attempt=verdict.retry is Retry.COUNTED,
            **changes,
        )

    def _give_up(self, verdict: Verdict) -> None:
        rows = Capture.objects.filter(submission=self.submission)
        with transaction.atomic():
            move_captures(
                rows.filter(state=C.PENDING),
                to=C.FAILED,
                failure_reason=verdict.reason,
                failure_detail=verdict.detail,
            )
            total, stored = rows.count(), rows.filter(state=C.STORED).count()
            if self.submission.state == S.READY and stored == total:
                finish(lease=self.lease, failure_reason=verdict.reason, failure_detail=verdict.detail)
                return
            counted = f" {stored} of {total} captures arrived." if total else ""
            self._fail(f"{verdict.reason}{counted}", verdict.detail)

    def _fail(self, reason: str, detail: str) -> None:
        # Another of its files may have been found damaged since the attempt began.
        self._note_missing()
        self._finish(to=S.FAILED, failure_reason=reason, failure_detail=detail)

    def _finish(self, *, to: str, **changes: Any) -> None:
        stored = Capture.objects.filter(submission=self.submission, state=C.STORED).count()
        move_submission(pk=self.submission.pk, to=to, stored_count=stored, not_ready_since=None, **changes)
        finish(lease=self.lease)
