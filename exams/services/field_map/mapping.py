"""Read what a service's field map names out of a download answer."""

import json
import re
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from exams.models import Capture, FieldMap, Submission
from exams.services.capture_links import capture_links
from exams.services.demographics import as_text
from exams.services.field_map.paths import InvalidPath, Step, find_value, parse_path
from integrations.clarius import DownloadData
from integrations.clarius.errors import ProtocolError

LIMITS = {"application": 200, "operator": 200, "institution": 200, "clinical_note": 4000}
LABEL_LIMIT = 200
# A day alone is no moment, and would be shown as midnight.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*")


@dataclass(frozen=True)
class Mapped:
    """What was found: the moment of the examination, texts by name, and labels by the capture's key."""

    examined_at: datetime | None = None
    texts: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


def check_path(name: str, text: str) -> tuple[Step, ...]:
    """Return the steps of the path for a field; raises InvalidPath with a sentence for the form."""
    steps = parse_path(text)
    if name == "capture_label":
        if steps[:2] != ("captures", None) or len(steps) < 3 or None in steps[2:]:
            raise InvalidPath("The label of each capture is found by a path such as captures[].label.")
    elif None in steps:
        raise InvalidPath("Name one element, such as [0]; [] is for the labels of captures alone.")
    if steps[-1] == "url" and steps[0] == "captures":
        raise InvalidPath("The address of a file is not shown.")
    return steps


def list_paths(field_map: FieldMap) -> dict[str, tuple[Step, ...]]:
    """Return the steps of every path that is set; one that no longer parses is left out."""
    paths = {}
    for name in FieldMap.PATHS:
        try:
            text = getattr(field_map, name)
            if text:
                paths[name] = check_path(name, text)
        except InvalidPath:
            continue
    return paths


def list_taken(*, service_id: int) -> list[tuple[Step, ...]]:
    """Return the paths that a service maps, which are therefore not other data."""
    field_map = FieldMap.objects.filter(service=service_id).first()
    return list(list_paths(field_map).values()) if field_map is not None else []


def read_mapped(*, field_map: FieldMap, raw: str) -> Mapped:
    """Return what the map finds in an answer; nothing in one that is no JSON object."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return Mapped()
    if not isinstance(data, dict):
        return Mapped()
    paths = list_paths(field_map)
    texts = {name: _text(data, paths.get(name), limit) for name, limit in LIMITS.items()}
    said = _text(data, paths.get("examined_at"), 100)
    examined_at = read_moment(said, zone=field_map.time_zone)
    # What is no moment is shown as it was sent.
    texts["examined"] = "" if examined_at else said
    return Mapped(
        examined_at=examined_at,
        texts={name: text for name, text in texts.items() if text},
        labels=_labels(data, raw, paths.get("capture_label")),
    )


def read_moment(text: str, *, zone: str) -> datetime | None:
    """Return a moment in UTC from ISO 8601 with a time; without a zone it is read in `zone`."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        found = aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # At either end of the calendar it has no local time in some zones.
    return found if MINYEAR < found.year < MAXYEAR else None


def store_mapped(*, submission_pk: int, mapped: Mapped) -> dict[str, Any]:
    """Write the captures' labels and return the submission's columns; call it inside a transaction."""
    rows = Capture.objects.filter(submission=submission_pk)
    changed = []
    for capture in rows.only("pk", "source_key", "label"):
        label = mapped.labels.get(capture.source_key, "")
        if capture.label != label:
            capture.label = label
            changed.append(capture)
    Capture.objects.bulk_update(changed, ["label"])
    return {"examined_at": mapped.examined_at, "mapped": mapped.texts or None}


def map_fields(*, submission: Submission, raw: str) -> dict[str, Any]:
    """Return the columns that the service's map gives an answer, writing labels; inside a transaction."""
    # Locked, so that a change of the map waits for what is still read by the former one.
    field_map = FieldMap.objects.select_for_update().filter(service=submission.service_id).first()
    if field_map is None:
        return {}
    return store_mapped(submission_pk=submission.pk, mapped=read_mapped(field_map=field_map, raw=raw))


def _text(data: Any, steps: tuple[Step, ...] | None, limit: int) -> str:
    text = as_text(find_value(data, steps), limit) if steps else ""
    # A signed link would open a file past the portal.
    return "" if "://" in text else text


def _labels(data: Any, raw: str, steps: tuple[Step, ...] | None) -> dict[str, str]:
    if not steps:
        return {}
    try:
        keys = list(capture_links(DownloadData.from_json(data, raw=raw)))
    except ProtocolError:
        return {}
    labels = (_text(each, steps[2:], LABEL_LIMIT) for each in data["captures"])
    return {key: label for key, label in zip(keys, labels, strict=True) if label}
