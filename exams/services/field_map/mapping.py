"""Read the fields that a service's field map names from a download answer."""

import json
import re
from dataclasses import dataclass, field
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from exams.models import Capture, FieldMap, Submission
from exams.services.exam_data import as_text, capture_links
from exams.services.field_map.paths import InvalidPath, Step, find_value, parse_path
from integrations.clarius import DownloadData
from integrations.clarius.errors import ProtocolError

# The longest texts that are shown.
LIMITS = {"application": 200, "operator": 200, "institution": 200, "clinical_note": 4000}
LABEL_LIMIT = 200
# A date without a time is not accepted, because it would be shown as midnight.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*")


@dataclass(frozen=True)
class Mapped:
    """The mapped values: the time of the examination, texts by name, and labels by the capture's key."""

    examined_at: datetime | None = None
    texts: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


def check_path(name: str, text: str) -> tuple[Step, ...]:
    """Return the steps of a field's path; raises InvalidPath with a message for the form."""
    steps = parse_path(text)
    if name == "capture_label":
        if steps[:2] != ("captures", None) or len(steps) < 3 or None in steps[2:]:
            raise InvalidPath("Write the path of a capture's label like this: captures[].label.")
    elif None in steps:
        raise InvalidPath("Name one element, such as [0]. Only the path of capture labels may contain [].")
    if steps[-1] == "url" and steps[0] == "captures":
        raise InvalidPath("File addresses cannot be mapped.")
    return steps


def list_paths(field_map: FieldMap) -> dict[str, tuple[Step, ...]]:
    """Return the steps of every path that is set, except those that no longer parse."""
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
    """Return the paths that a service maps and that are therefore not listed as other data."""
    field_map = FieldMap.objects.filter(service=service_id).first()
    return list(list_paths(field_map).values()) if field_map is not None else []


def read_mapped(*, field_map: FieldMap, raw: str) -> Mapped:
    """Return the values that the map finds in an answer; none if the answer is not a JSON object."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return Mapped()
    if not isinstance(data, dict):
        return Mapped()
    paths = list_paths(field_map)
    texts = {name: _text(data, paths.get(name), limit) for name, limit in LIMITS.items()}
    text = _text(data, paths.get("examined_at"), 100)
    examined_at = read_moment(text, zone=field_map.time_zone)
    # A text that is not a date with a time is shown as it was sent.
    texts["examined"] = "" if examined_at else text
    return Mapped(
        examined_at=examined_at,
        texts={name: text for name, text in texts.items() if text},
        labels=_labels(data, raw, paths.get("capture_label")),
    )


def read_moment(text: str, *, zone: str) -> datetime | None:
    """Return the UTC time of an ISO 8601 date with a time; a text without a zone is read in `zone`."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        found = aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # The first and the last year have no local time in some zones.
    return found if MINYEAR < found.year < MAXYEAR else None


def store_mapped(*, submission_pk: int, mapped: Mapped) -> dict[str, Any]:
    """Store the captures' labels and return the submission's columns; call it inside a transaction."""
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
    """Store the captures' labels and return the mapped columns of an answer; call it inside a transaction."""
    # Locked, so that a change of the map waits for answers that are being read with the old one.
    field_map = FieldMap.objects.select_for_update().filter(service=submission.service_id).first()
    if field_map is None:
        return {}
    return store_mapped(submission_pk=submission.pk, mapped=read_mapped(field_map=field_map, raw=raw))


def _text(data: Any, steps: tuple[Step, ...] | None, limit: int) -> str:
    text = as_text(find_value(data, steps), limit) if steps else ""
    # A signed link would give access to a file without the portal's checks.
    return "" if "://" in text else text


def _labels(data: Any, raw: str, steps: tuple[Step, ...] | None) -> dict[str, str]:
    if not steps:
        return {}
    try:
        keys = list(capture_links(DownloadData.from_json(data, raw=raw)))
    except ProtocolError:
        return {}
    labels = (_text(each, steps[2:], LABEL_LIMIT) for each in data["captures"] or ())
    return {key: label for key, label in zip(keys, labels, strict=True) if label}
