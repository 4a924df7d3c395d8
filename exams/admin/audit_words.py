"""What the audit log calls submissions and what belongs to them: by their request, as every list does."""

from typing import Any

from audit.words import register_words
from exams.models import Capture, Report, Submission
from exams.models.names import short_id


def _submission(row: Submission) -> str:
    whose = f" of {row.customer}" if row.customer else ""
    return f"{short_id(row.request_uuid)}{whose}"


def _part(row: Any) -> str:
    return f"of submission {_submission(row.submission)}"


register_words(model=Submission, words=_submission, related=("customer",))
for part in (Capture, Report):
    register_words(model=part, words=_part, related=("submission__customer",))
