"""Match submissions to patients. Patients are never merged on a guess."""

from dataclasses import dataclass
from typing import Any

from exams.models import Demographics, Patient
from exams.models.derived import identifier_digest
from exams.models.names import folded
from exams.services.exam_data import ALL_FIELDS
from integrations.models import Customer

# Identifiers that people type when they have none.
PLACEHOLDERS = frozenset(
    {"0", "1", "test", "unknown", "none", "null", "n/a", "na", "-", "anonymous", "patient"}
)
# The same identifier and the same value in one of these fields mean the same patient.
NAMES = ("first_name", "last_name", "animal_name")
# A difference in one of these fields means another patient.
COMPARED = (*NAMES, "middle_name", "gender", "animal_type", "owner_name")
# An identifier that more patients share identifies nobody; each candidate is compared in memory.
MOST_CANDIDATES = 200


@dataclass(frozen=True)
class Match:
    """The patient, and another one that looks alike but was not taken for the same person."""

    patient: Patient
    looks_like: Patient | None


def match_patient(
    *, customer: Customer, values: dict[str, Any], exam: int | None = None, never: int | None = None
) -> Match:
    """Find or create the patient of one customer; call it inside a transaction.

    Patients are the same if their identifier is the same and not a placeholder, a name or birth date agrees,
    and no field contradicts; an absent field never agrees. If several fit, the one of the same `exam` is
    taken, or none. `never` is a patient whom a reviewer has ruled out.
    """
    # Two submissions of one new patient must not create two patients.
    Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    wanted = Patient(customer=customer, **values)
    candidates: list[Patient] = []
    if not is_placeholder(wanted.identifier):
        digest = identifier_digest(wanted.identifier)
        rows = Patient.objects.filter(customer=customer, identifier_digest=digest)
        candidates = list(rows.order_by("pk")[:MOST_CANDIDATES])
    fitting = [each for each in candidates if not _contradicts(each, wanted) and _agrees(each, wanted)]
    fitting = _narrow([each for each in fitting if each.pk != never], exam=exam)
    if len(fitting) == 1:
        _complete(fitting[0], wanted)
        return Match(fitting[0], None)
    alike = candidates[-1] if candidates else None
    wanted.save()
    return Match(wanted, alike or _same_person_by_name(wanted))


def _narrow(fitting: list[Patient], *, exam: int | None) -> list[Patient]:
    """Return those of the same exam, when there are any."""
    if len(fitting) < 2 or exam is None:
        return fitting
    keys = [each.pk for each in fitting]
    of_exam = set(Patient.objects.filter(pk__in=keys, submissions__exam=exam).values_list("pk", flat=True))
    return [each for each in fitting if each.pk in of_exam] or fitting


def is_placeholder(identifier: str) -> bool:
    """Return whether an identifier identifies nobody: empty, a usual filler, or one character repeated."""
    text = folded(identifier)
    return not text or text in PLACEHOLDERS or len(set(text)) == 1


def _same_person_by_name(wanted: Patient) -> Patient | None:
    others = Patient.objects.filter(customer=wanted.customer).exclude(pk=wanted.pk)
    if wanted.is_animal:
        if not wanted.animal_name:
            return None
        others = others.filter(animal_name__iexact=wanted.animal_name)
        return others.filter(owner_name__iexact=wanted.owner_name).order_by("-pk").first()
    if not wanted.last_name:
        return None
    others = others.filter(last_name__iexact=wanted.last_name, first_name__iexact=wanted.first_name)
    return others.filter(date_of_birth=wanted.date_of_birth).order_by("-pk").first()


def _agrees(one: Demographics, other: Demographics) -> bool:
    if one.date_of_birth is not None and one.date_of_birth == other.date_of_birth:
        return True
    return any(
        getattr(one, name) and folded(getattr(one, name)) == folded(getattr(other, name)) for name in NAMES
    )


def _contradicts(one: Demographics, other: Demographics) -> bool:
    if _is_named(one) and _is_named(other) and one.is_animal != other.is_animal:
        return True
    if one.date_of_birth and other.date_of_birth and one.date_of_birth != other.date_of_birth:
        return True
    pairs = [(folded(getattr(one, name)), folded(getattr(other, name))) for name in COMPARED]
    return any(left and right and left != right for left, right in pairs)


def _is_named(one: Demographics) -> bool:
    return bool(one.is_animal or one.first_name or one.last_name)


def _complete(patient: Patient, wanted: Patient) -> None:
    # Fields that were empty so far can distinguish the patient from the next one; filled fields never change.
    missing = [name for name in ALL_FIELDS if not getattr(patient, name) and getattr(wanted, name)]
    for name in missing:
        setattr(patient, name, getattr(wanted, name))
    if missing:
        patient.save(update_fields=missing)
