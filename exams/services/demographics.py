"""Read the Cloud's data about a patient: every field is optional, may have any type, and is kept as text."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from exams.models import Demographics

_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})([T ].*)?")
TEXT_FIELDS = tuple(
    field.name
    for field in Demographics._meta.get_fields()
    if getattr(field, "max_length", None) and field.name != "date_of_birth_text"
)
ALL_FIELDS = (*TEXT_FIELDS, "date_of_birth", "date_of_birth_text")


def read_patient(patient: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for every field of Demographics; what cannot be parsed is kept as text, or empty."""
    values: dict[str, Any] = {name: as_text(patient.get(name), _limit(name)) for name in TEXT_FIELDS}
    born = as_text(patient.get("date_of_birth"), _limit("date_of_birth_text"))
    values["date_of_birth"] = _date(born)
    values["date_of_birth_text"] = "" if values["date_of_birth"] else born
    return values


def folded(text: str) -> str:
    """Return a text for comparison: without differences of case, width and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _limit(name: str) -> int:
    return int(getattr(Demographics._meta.get_field(name), "max_length", None) or 0)


def as_text(value: Any, limit: int) -> str:
    """Return a string or number as one line that any database accepts; anything else as an empty string."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    # PostgreSQL refuses NUL and half of a surrogate pair.
    whole = str(value).encode("utf-8", "replace").decode()
    readable = "".join(" " if unicodedata.category(sign) in {"Cc", "Zl", "Zp"} else sign for sign in whole)
    return " ".join(readable.split())[:limit]


def _date(text: str) -> date | None:
    match = _DATE.fullmatch(text)
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
