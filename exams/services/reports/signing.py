"""What a signer has to know, to see and to confirm before a report is signed."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from exams import media_types
from exams.models import Capture, Report, Submission
from exams.services.review.displayed import list_undisplayed
from exams.services.review.related import find_siblings
from exams.states import Tick


class NotReadyToSign(Exception):
    """The report cannot be signed yet; the message says what to do and names no patient."""


@dataclass(frozen=True)
class Signing:
    """The state of an exam and its report for one signer; `asked` are the ticks to give."""

    stored: int
    total: int
    number: int
    of: int
    has_identifier: bool
    undisplayed: list[Capture]
    is_waiting_for_pages: bool
    asked: list[Tick]

    @property
    def asked_of_exam(self) -> list[Tick]:
        """The ticks that the exam asks for; the document may ask for another one."""
        return [each for each in self.asked if each != Tick.READ_OUTSIDE]


def assess_signing(*, report: Report, user: User) -> Signing:
    """Return what `user` has to know and to confirm to sign this report."""
    submission = report.submission
    captures = list(Capture.objects.filter(submission=submission))
    stored = [each for each in captures if each.state == Capture.State.STORED]
    siblings = [each.pk for each in find_siblings(submission=submission, user=user)]
    is_newest = not siblings or siblings[-1] == submission.pk
    reasons = {
        Tick.READ_OUTSIDE: _is_partly_hidden(report),
        Tick.MISSING: len(stored) < len(captures) or not captures,
        Tick.NOT_SHOWN: not all(each.is_displayable for each in stored),
        Tick.SUPERSEDED: not is_newest,
        Tick.IDENTITY: submission.looks_like_id is not None,
    }
    return Signing(
        stored=len(stored),
        total=len(captures),
        number=siblings.index(submission.pk) + 1 if submission.pk in siblings else 1,
        of=max(1, len(siblings)),
        has_identifier=bool(submission.identifier),
        undisplayed=list_undisplayed(submission=submission, user=user),
        is_waiting_for_pages=_is_waiting_for_pages(report),
        asked=[tick for tick, applies in reasons.items() if applies],
    )


def require_ready(*, signing: Signing, ticks: Collection[str]) -> list[str]:
    """Return the ticks that were asked for and given; raises NotReadyToSign."""
    if signing.is_waiting_for_pages:
        raise NotReadyToSign("The pages of this document are still being prepared. Read them, then sign.")
    if signing.undisplayed:
        numbers = ", ".join(str(each.position) for each in signing.undisplayed)
        raise NotReadyToSign(f"Not signed: you have not viewed every capture. View these first: {numbers}.")
    if any(each not in ticks for each in signing.asked):
        raise NotReadyToSign("Not signed: confirm each statement below with a tick.")
    return [each.value for each in signing.asked]


def describe_basis(submission: Submission) -> dict[str, Any]:
    """Return the columns of a report that tell what it was written on."""
    captures = Capture.objects.filter(submission=submission)
    return {
        "signed_stored_count": captures.filter(state=Capture.State.STORED).count(),
        "signed_capture_count": captures.count(),
        "signed_demographics": submission.list_values(),
    }


def _is_waiting_for_pages(report: Report) -> bool:
    is_document = report.media_type == media_types.PDF
    return is_document and report.page_count is None and not report.page_failure


def _is_partly_hidden(report: Report) -> bool:
    return bool(report.page_failure) or (report.page_count or 0) > report.pages.count()
