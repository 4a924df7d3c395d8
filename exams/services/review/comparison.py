"""Compare submissions of one exam: their captures and their patient data."""

from collections.abc import Sequence
from dataclasses import dataclass

from exams.models import Capture, Submission
from exams.services.review.related import list_changes


@dataclass(frozen=True)
class CaptureChange:
    """The change of one capture between two submissions; `capture` is the one to show."""

    text: str
    capture: Capture


def compare_captures(*, before: Submission, after: Submission) -> list[CaptureChange]:
    """Return the captures that are new, missing or moved in `after`, compared by the hash of their files."""
    old, new = _stored(before), _stored(after)
    old_places = {each.sha256: each for each in reversed(old)}
    new_hashes = {each.sha256 for each in new}
    changes = []
    for each in new:
        earlier = old_places.get(each.sha256)
        if earlier is None:
            changes.append(CaptureChange(f"Capture {each.position} is new", each))
        elif earlier.position != each.position:
            text = f"Capture {each.position} was capture {earlier.position}"
            changes.append(CaptureChange(text, each))
    gone = (each for each in old if each.sha256 not in new_hashes)
    return [
        *changes,
        *(CaptureChange(f"Capture {each.position} is no longer included", each) for each in gone),
    ]


def find_newer_demographics(*, submission: Submission, siblings: Sequence[Submission]) -> Submission | None:
    """Return the exam's newest submission (of those given, oldest first) if its patient data differ."""
    newest = siblings[-1] if siblings else submission
    if newest.pk == submission.pk or not list_changes(before=submission, after=newest):
        return None
    return newest


def _stored(submission: Submission) -> list[Capture]:
    rows = Capture.objects.stored().filter(submission=submission)
    return list(rows.order_by("position").only("uuid", "position", "sha256"))
