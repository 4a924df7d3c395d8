"""The nine documented fields of a patient, with their labels."""

from collections.abc import Mapping
from typing import Any

FIELDS = {
    "identifier": "Identifier",
    "date_of_birth": "Date of birth",
    "gender": "Gender",
    "first_name": "First name",
    "middle_name": "Middle name",
    "last_name": "Last name",
    "animal_name": "Animal",
    "animal_type": "Species, breed",
    "owner_name": "Owner",
}
ANY_FIELDS = ("identifier", "date_of_birth", "gender")
PERSON_FIELDS = ("first_name", "middle_name", "last_name")
ANIMAL_FIELDS = ("animal_name", "animal_type", "owner_name")


def patient_facts(patient: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return label and value of every field present, in the documents' order, unknown fields last."""
    names = [*(each for each in FIELDS if each in patient), *(each for each in patient if each not in FIELDS)]
    return [(FIELDS.get(name, name), patient[name]) for name in names]


def patient_name(patient: Mapping[str, Any]) -> str:
    """Return the name, else the identifier, else an empty text."""
    parts = [str(patient.get(each) or "") for each in ("animal_name", *PERSON_FIELDS)]
    name = " ".join(each for each in parts if each)
    return name or str(patient.get("identifier") or "")
