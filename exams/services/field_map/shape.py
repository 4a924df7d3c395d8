"""Show the structure of an answer, so that someone can write a field map without seeing patient data."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from exams.models import FieldMap
from exams.services.exam_data import as_text
from exams.services.field_map.mapping import list_paths, read_mapped, read_moment
from exams.services.field_map.paths import find_value

# An answer may hold anything; a page stays readable up to these limits.
MOST_LINES = 200
DEEPEST = 8
LONGEST_NAME = 60
VALUE_LIMIT = 300


@dataclass(frozen=True)
class Line:
    """One place in an answer: its path, the kind of its value, and the value."""

    path: str
    kind: str
    value: str


@dataclass(frozen=True)
class Found:
    """The value that a map finds for one field of one answer."""

    name: str
    label: str
    path: str
    is_found: bool
    kind: str
    value: str


def list_shape(raw: str) -> list[Line]:
    """Return at most 200 places of an answer, without links; the first element stands for a whole list."""
    lines = []
    for line in _lines(_load(raw), "", 0):
        lines.append(line)
        if len(lines) == MOST_LINES:
            break
    return lines


def preview_map(*, field_map: FieldMap, raw: str) -> list[Found]:
    """Return the values that the map would find in an answer, field by field."""
    data, mapped, paths = _load(raw), read_mapped(field_map=field_map, raw=raw), list_paths(field_map)
    found = []
    for name in FieldMap.PATHS:
        value = find_value(data, paths[name]) if name in paths and name != "capture_label" else None
        if name == "capture_label":
            total = len(data["captures"]) if isinstance(data.get("captures"), list) else 0
            shown = ", ".join(mapped.labels.values())
            kind = f"{len(mapped.labels)} of {total} captures have one"
        elif name == "examined_at":
            text = mapped.texts.get("examined", "")
            shown = mapped.examined_at.strftime("%d %b %Y, %H:%M:%S UTC") if mapped.examined_at else text
            kind = _kind_of_moment(value, field_map)
        else:
            shown, kind = mapped.texts.get(name, ""), describe(value)
        label = str(FieldMap._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
        found.append(Found(name, label, getattr(field_map, name), bool(shown), kind, shown[:VALUE_LIMIT]))
    return found


def describe(value: Any) -> str:
    """Describe the kind of a value without revealing the value."""
    if value is None:
        return "nothing there"
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, dict):
        return f"an object with {len(value)} fields"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "a link" if "://" in str(value) else f"text, {len(str(value))} characters"


def _kind_of_moment(value: Any, field_map: FieldMap) -> str:
    if not isinstance(value, str):
        return describe(value)
    inside = read_moment(value, zone=field_map.time_zone)
    if inside is None:
        return "text that is not a date with a time; shown as it is"
    # A text that names its own zone is the same moment in every zone.
    has_zone = inside == read_moment(value, zone="Pacific/Kiritimati") == read_moment(value, zone="UTC")
    return "a date and time with its zone" if has_zone else f"a date and time, read in {field_map.time_zone}"


def _load(raw: str) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _lines(value: Any, path: str, depth: int) -> Iterator[Line]:
    if isinstance(value, dict) and depth < DEEPEST:
        for name, each in value.items():
            # Names that a path cannot contain, and names as long as a text, are not fields.
            if (
                0 < len(name) <= LONGEST_NAME
                and not set(name) & set(".[]")
                and as_text(name, LONGEST_NAME) == name
            ):
                yield from _lines(each, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(value, list) and value and depth < DEEPEST:
        yield from _lines(value[0], f"{path}[]" if path == "captures" else f"{path}[0]", depth + 1)
    elif path and "://" not in str(value):
        shown = str(value) if isinstance(value, bool) else as_text(value, VALUE_LIMIT)
        yield Line(path, describe(value), shown)
