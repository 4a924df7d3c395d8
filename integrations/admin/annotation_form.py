"""The editor's form: groups as indexed fields that work without scripts, labels as lines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.clarius.schemas import AnnotationGroup
from integrations.services.annotation_groups import KNOWN, MOST_GROUPS

# A page sent by hand could name any number of groups.
MOST_READ = MOST_GROUPS + 10


@dataclass(frozen=True)
class Draft:
    """One group as it stands in the form."""

    title: str = ""
    labels: str = ""
    linked: bool = False
    extra: str = "{}"

    @property
    def label_count(self) -> int:
        """How many rows show every label, and one more."""
        return min(max(len(self.labels.splitlines()) + 1, 3), 20)


def drafts_of(groups: Sequence[AnnotationGroup]) -> list[Draft]:
    """Return the form's state for groups."""
    return [
        Draft(
            title=group.title,
            labels="\n".join(" ".join(label.splitlines()) for label in group.labels),
            linked=group.linked,
            extra=json.dumps(dict(group.extra), ensure_ascii=False),
        )
        for group in groups
    ]


def read_drafts(data: Mapping[str, Any]) -> list[Draft]:
    """Return the groups of a sent form in their order, without those that were taken away."""
    count = min(_number(data.get("count", "")), MOST_READ)
    found = [
        (_number(data.get(f"g{index}-order", ""), default=index), index, _draft(data, f"g{index}-"))
        for index in range(count)
        if not data.get(f"g{index}-remove")
    ]
    return [draft for _, _, draft in sorted(found, key=lambda each: each[:2])]


def groups_of(drafts: Sequence[Draft]) -> list[AnnotationGroup]:
    """Return what the drafts say; a group in which nothing was typed is left out."""
    groups = []
    for draft in drafts:
        labels = tuple(line.strip() for line in draft.labels.split("\n") if line.strip())
        title = draft.title.strip()
        if title or labels:
            groups.append(
                AnnotationGroup(title=title, labels=labels, linked=draft.linked, extra=_extra(draft.extra))
            )
    return groups


def _draft(data: Mapping[str, Any], prefix: str) -> Draft:
    return Draft(
        title=str(data.get(f"{prefix}title", "")).replace("\x00", ""),
        labels=str(data.get(f"{prefix}labels", "")).replace("\x00", ""),
        linked=bool(data.get(f"{prefix}linked")),
        extra=str(data.get(f"{prefix}extra", "{}")),
    )


def _extra(text: str) -> dict[str, Any]:
    """Read the fields that the form only carries along."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {name: each for name, each in value.items() if name not in KNOWN}


def _number(text: object, default: int = 0) -> int:
    cleaned = str(text).strip()
    return int(cleaned) if cleaned.isascii() and cleaned.isdecimal() and len(cleaned) < 7 else default
