"""List the undocumented fields of an answer as short lines for readers, without links."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from exams.services.exam_data import as_text
from exams.services.field_map.paths import Step, remove_value

# An answer may hold anything; a page stays readable up to these limits.
LINE_LIMIT = 200
VALUE_LIMIT = 500
DEPTH_LIMIT = 6

PATIENT_FIELDS = frozenset(
    {
        "identifier",
        "date_of_birth",
        "gender",
        "first_name",
        "middle_name",
        "last_name",
        "animal_name",
        "animal_type",
        "owner_name",
    }
)


def list_other_data(raw: str, *, taken: Iterable[tuple[Step, ...]] = ()) -> list[tuple[str, str]]:
    """Return the path and the value of every field that is neither documented nor `taken`, at most 200.

    The list is empty if `raw` is not a JSON object.
    """
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return []
    if not isinstance(data, dict):
        return []
    for steps in taken:
        remove_value(data, steps)
    lines = []
    for path, value in _lines(_undocumented(data), path="", depth=0):
        lines.append((path, value))
        if len(lines) == LINE_LIMIT:
            break
    return lines


def _undocumented(data: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in data.items() if key not in {"request_uuid", "patient", "captures"}}
    patient = data.get("patient")
    if isinstance(patient, dict):
        rest["patient"] = {key: value for key, value in patient.items() if key not in PATIENT_FIELDS}
    captures = data.get("captures")
    if isinstance(captures, list):
        extra = {
            f"capture {place}": {key: value for key, value in each.items() if key != "url"}
            for place, each in enumerate(captures, start=1)
            if isinstance(each, dict)
        }
        rest.update(extra)
    return rest


def _lines(value: Any, *, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > DEPTH_LIMIT:
        yield path, "…"
    elif isinstance(value, dict):
        for key, each in value.items():
            name = as_text(key, VALUE_LIMIT)
            yield from _lines(each, path=f"{path} › {name}" if path else name, depth=depth + 1)
    elif isinstance(value, list):
        for place, each in enumerate(value, start=1):
            yield from _lines(each, path=f"{path} {place}", depth=depth + 1)
    elif value is not None and value != "":
        yield path[:VALUE_LIMIT], _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    # A signed link would give readers access to files without the portal's checks.
    return "(a link)" if "://" in str(value) else as_text(value, VALUE_LIMIT)
