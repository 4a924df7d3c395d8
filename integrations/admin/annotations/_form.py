"""The form of the editor: groups as numbered fields that work without a script, with one label per line."""

import json
import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.clarius.schemas import AnnotationGroup
from integrations.services.annotations.groups import KNOWN, MOST_GROUPS

# Limit for all fields together, well below the size of a form that the portal accepts.
MOST_BYTES = 1536 * 1024
# How a line shows a line break inside a text, and a blank text.
BREAK = "⏎"
EMPTY = "(empty)"
_TITLE = re.compile(r"(g[0-9]{1,6}-)title")
_BREAKS = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True)
class Draft:
    """One group of the form."""

    title: str = ""
    labels: str = ""
    linked: bool = False
    extra: str = "{}"
    # The original texts that lines show differently, as JSON; empty for a new group.
    odd: str = ""

    @property
    def label_count(self) -> int:
        """The rows of the text area: one more than there are labels, within limits."""
        return min(max(len(self.labels.splitlines()) + 1, 3), 20)


def drafts_of(groups: Sequence[AnnotationGroup]) -> list[Draft]:
    """Return the groups as drafts for the form."""
    return [_draft_of(group) for group in groups]


def can_carry(drafts: Sequence[Draft]) -> bool:
    """Return whether a page can hold all groups and send them back complete."""
    texts = (text for draft in drafts for text in (draft.title, draft.labels, draft.extra, draft.odd))
    return len(drafts) <= MOST_GROUPS and sum(len(text.encode()) for text in texts) <= MOST_BYTES


def read_drafts(data: Mapping[str, Any]) -> list[Draft]:
    """Return the groups of a sent form in order, without the removed ones."""
    prefixes = [match[1] for match in map(_TITLE.fullmatch, data) if match]
    found = [
        (_number(data.get(f"{prefix}order", ""), default=place), place, _draft(data, prefix))
        for place, prefix in enumerate(prefixes)
        if not data.get(f"{prefix}remove")
    ]
    return [draft for _, _, draft in sorted(found, key=lambda each: each[:2])]


def groups_of(drafts: Sequence[Draft]) -> list[AnnotationGroup]:
    """Return the groups of the drafts, without new groups that are empty."""
    groups = []
    for draft in drafts:
        originals = _Originals(draft.odd)
        title = originals.meant_by(draft.title)
        lines = draft.labels.replace("\r\n", "\n").split("\n")
        labels = tuple(originals.meant_by(line) for line in lines if line.strip())
        if title or labels or draft.odd:
            groups.append(
                AnnotationGroup(title=title, labels=labels, linked=draft.linked, extra=_extra(draft.extra))
            )
    return groups


class _Originals:
    """The texts of a group that lines show differently, so that an unchanged line keeps its text."""

    def __init__(self, odd: str) -> None:
        self._waiting: dict[str, deque[str]] = {}
        for text in _texts(odd):
            self._waiting.setdefault(_shown(text), deque()).append(text)

    def meant_by(self, line: str) -> str:
        """Return the original text if the line still shows it, else the line."""
        waiting = self._waiting.get(line)
        return waiting.popleft() if waiting else line.strip()


def _draft_of(group: AnnotationGroup) -> Draft:
    texts = (group.title, *group.labels)
    shown = {_shown(text) for text in texts if _shown(text).strip() != text}
    return Draft(
        title=_shown(group.title),
        labels="\n".join(_shown(label) for label in group.labels),
        linked=group.linked,
        extra=json.dumps(dict(group.extra), ensure_ascii=False),
        # If two texts are shown alike, both are kept.
        odd=json.dumps([text for text in texts if _shown(text) in shown]),
    )


def _shown(text: str) -> str:
    return _BREAKS.sub(BREAK, text) if text.strip() else EMPTY


def _draft(data: Mapping[str, Any], prefix: str) -> Draft:
    return Draft(
        title=str(data.get(f"{prefix}title", "")).replace("\x00", ""),
        labels=str(data.get(f"{prefix}labels", "")).replace("\x00", ""),
        linked=bool(data.get(f"{prefix}linked")),
        extra=str(data.get(f"{prefix}extra", "{}")),
        odd=str(data.get(f"{prefix}odd", "")),
    )


def _texts(odd: str) -> list[str]:
    try:
        value = json.loads(odd or "[]")
    except (ValueError, RecursionError):
        return []
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _extra(text: str) -> dict[str, Any]:
    """Return the further fields of a group, which the form sends back unchanged."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        # NaN is rejected when the groups are validated, so the fields are not lost silently.
        return {"unreadable": math.nan}
    return {name: each for name, each in value.items() if name not in KNOWN}


def _number(text: object, default: int = 0) -> int:
    cleaned = str(text).strip()
    return int(cleaned) if cleaned.isascii() and cleaned.isdecimal() and len(cleaned) < 7 else default
