"""Submissions related to one: others of its exam, other exams of its patient, and the differences."""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import User
from exams.models import Demographics, Submission
from exams.models.names import has_invisible, visible
from exams.permissions import visible_submissions

# The exam page lists this many earlier exams of the patient.
PRIOR_LIMIT = 20
# The label of each compared value, and the fields that it consists of.
COMPARED = {
    "Name": ("first_name", "middle_name", "last_name"),
    "Animal": ("animal_name",),
    "Species": ("animal_type",),
    "Owner": ("owner_name",),
    "Identifier": ("identifier",),
    "Born": ("date_of_birth", "date_of_birth_text"),
    "Gender": ("gender",),
}


@dataclass(frozen=True)
class Numbered:
    """A submission's number among those of its exam that the account may see, oldest first."""

    number: int
    of: int


@dataclass(frozen=True)
class Change:
    """A field that differs between two submissions of one exam; an empty string means not given."""

    label: str
    before: str
    after: str


def number_submissions(*, user: User, exam_ids: Iterable[int | None]) -> dict[int, Numbered]:
    """Return the number of every visible submission of these exams, by primary key."""
    by_exam: dict[int | None, list[int]] = {}
    rows = visible_submissions(user).filter(exam__in=[each for each in exam_ids if each is not None])
    for exam_id, pk in rows.order_by("submitted_at", "id").values_list("exam_id", "pk"):
        by_exam.setdefault(exam_id, []).append(pk)
    return {
        pk: Numbered(number=place, of=len(pks))
        for pks in by_exam.values()
        for place, pk in enumerate(pks, start=1)
    }


def find_siblings(*, submission: Submission, user: User) -> list[Submission]:
    """Return every visible submission of the same exam, including this one, oldest first."""
    rows = visible_submissions(user).without_data().filter(exam=submission.exam_id)
    return list(rows.order_by("submitted_at", "id"))


def find_priors(*, submission: Submission, user: User) -> list[Submission]:
    """Return the patient's submissions of other exams, newest first; none without a matched patient."""
    if submission.patient_id is None:
        return []
    rows = visible_submissions(user).without_data().filter(patient=submission.patient_id)
    rows = rows.exclude(exam=submission.exam_id)
    return list(rows.order_by("-submitted_at", "-id")[:PRIOR_LIMIT])


def list_changes(*, before: Demographics, after: Demographics) -> list[Change]:
    """Return the patient fields in which `after` differs from `before`."""
    pairs = ((label, _text(before, fields), _text(after, fields)) for label, fields in COMPARED.items())
    return [Change(label=label, before=old, after=new) for label, old, new in pairs if old != new]


def _text(person: Demographics, fields: tuple[str, ...]) -> str:
    values = [getattr(person, name) for name in fields]
    written = " ".join(
        value.strftime("%d %b %Y") if hasattr(value, "strftime") else str(value) for value in values if value
    )
    # Of two texts that look the same one has to say how it differs.
    return visible(written) + (" (contains invisible characters)" if has_invisible(written) else "")
