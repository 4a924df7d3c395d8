"""The editor's form: groups as indexed fields that work without scripts, labels as lines."""

import json
import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.clarius.schemas import AnnotationGroup
from integrations.services.annotations.groups import KNOWN, MOST_GROUPS

# Of all fields together, well below what the portal takes as a form.
MOST_BYTES = 1536 * 1024
BREAK = "⏎"
EMPTY = "(empty)"
_TITLE = re.compile(r"(g[0-9]{1,6}-)title")
_BREAKS = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True)
class Draft:
    """One group as it stands in the form."""

    title: str = ""
    labels: str = ""
    linked: bool = False
    extra: str = "{}"
    # The texts that a line does not show as they are, as JSON; nothing at all for a group begun here.
    odd: str = ""

    @property
    def label_count(self) -> int:
        """How many rows show every label, and one more."""
        return min(max(len(self.labels.splitlines()) + 1, 3), 20)


def drafts_of(groups: Sequence[AnnotationGroup]) -> list[Draft]:
    """Return the form's state for groups."""
    return [_draft_of(group) for group in groups]


def can_carry(drafts: Sequence[Draft]) -> bool:
    """Tell whether a page can hold all of it and send it back whole."""
    texts = (text for draft in drafts for text in (draft.title, draft.labels, draft.extra, draft.odd))
    return len(drafts) <= MOST_GROUPS and sum(len(text.encode()) for text in texts) <= MOST_BYTES


def read_drafts(data: Mapping[str, Any]) -> list[Draft]:
    """Return the groups of a sent form in their order, without those that were taken away."""
    prefixes = [match[1] for match in map(_TITLE.fullmatch, data) if match]
    found = [
        (_number(data.get(f"{prefix}order", ""), default=place), place, _draft(data, prefix))
        for place, prefix in enumerate(prefixes)
        if not data.get(f"{prefix}remove")
    ]
    return [draft for _, _, draft in sorted(found, key=lambda each: each[:2])]


def groups_of(drafts: Sequence[Draft]) -> list[AnnotationGroup]:
    """Return what the drafts say; a new group in which nothing was typed is left out."""
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
    """The texts of a group that a line shows differently, so that a line left alone changes nothing."""

    def __init__(self, odd: str) -> None:
        self._waiting: dict[str, deque[str]] = {}
        for text in _texts(odd):
            self._waiting.setdefault(_shown(text), deque()).append(text)

    def meant_by(self, line: str) -> str:
        """Return the text that stood there when the line still shows it, else what was typed."""
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
        # Where two texts are shown alike, both are kept.
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
    """Read the fields that the form only carries along."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        # Left out it would be lost; this is refused when the groups are checked.
        return {"unreadable": math.nan}
    return {name: each for name, each in value.items() if name not in KNOWN}


def _number(text: object, default: int = 0) -> int:
    cleaned = str(text).strip()
    return int(cleaned) if cleaned.isascii() and cleaned.isdecimal() and len(cleaned) < 7 else default
