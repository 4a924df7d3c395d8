"""Annotation groups as text and as data: validation, comparison, combination, import and export."""

import hashlib
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrations.clarius import errors
from integrations.clarius.schemas import AnnotationGroup
from integrations.models import Application
from integrations.services.reading import storable

MOST_GROUPS = 50
MOST_LABELS = 200
LONGEST = 200
MOST_SHOWN = 60
LARGEST_FILE = 1024 * 1024
KNOWN = {"title", "labels", "linked"}


class NotValid(Exception):
    """Groups that are not sent; `problems` holds a sentence for each thing to mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Combined:
    """Which unique labels the linked groups make, the first of them and how many there are in all."""

    titles: tuple[str, ...]
    labels: tuple[str, ...]
    count: int

    @property
    def more_count(self) -> int:
        """How many are not shown."""
        return self.count - len(self.labels)


def read_groups(value: Any) -> tuple[AnnotationGroup, ...]:
    """Return the groups of a JSON array; raises NotValid for what has not their shape."""
    if not isinstance(value, list):
        raise NotValid(["There is no list of annotation groups."])
    groups, problems = [], []
    for number, each in enumerate(value, start=1):
        try:
            groups.append(AnnotationGroup.from_json(storable(each)))
        except errors.ProtocolError as error:
            problems.append(f"Group {number} cannot be read: {error.message}")
    if problems:
        raise NotValid(problems)
    return tuple(groups)


def check_groups(groups: Sequence[AnnotationGroup]) -> None:
    """Raise NotValid unless a user of the scanner could tell groups and labels apart."""
    problems = [] if len(groups) <= MOST_GROUPS else [f"There are more than {MOST_GROUPS} groups."]
    titles: set[str] = set()
    for number, group in enumerate(groups, start=1):
        name = f"“{group.title}”" if group.title.strip() else f"Group {number}"
        problems += _problems_of(group, name)
        if group.title.strip() and group.title in titles:
            problems.append(f"{name} is the title of two groups.")
        titles.add(group.title)
    if problems:
        raise NotValid(problems)


def _problems_of(group: AnnotationGroup, name: str) -> list[str]:
    problems = []
    if not group.title.strip():
        problems.append(f"{name} has no title.")
    if not group.labels:
        problems.append(f"{name} has no label.")
    if len(group.labels) > MOST_LABELS:
        problems.append(f"{name} has more than {MOST_LABELS} labels.")
    if len(group.title) > LONGEST or any(len(label) > LONGEST for label in group.labels):
        problems.append(f"{name} has a text of more than {LONGEST} characters.")
    if any(not label.strip() for label in group.labels):
        problems.append(f"{name} has an empty label.")
    twice = {label for label in group.labels if group.labels.count(label) > 1}
    problems += [f"{name} has the label “{label}” twice." for label in sorted(twice)]
    return problems


def fingerprint(*, is_customized: bool, annotations: Any) -> str:
    """Return what tells two states of an application apart, the order of fields aside."""
    state = json.dumps([is_customized, annotations], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(state.encode()).hexdigest()


def core(*, is_customized: bool, annotations: Any) -> str:
    """Return what tells states apart by the documented fields alone."""
    plain = [{name: each.get(name) for name in sorted(KNOWN)} for each in annotations]
    return fingerprint(is_customized=is_customized, annotations=plain)


def combine(groups: Sequence[AnnotationGroup]) -> Combined:
    """Return what the labels of linked groups combine to: one of each, in the order of the groups."""
    linked = [group for group in groups if group.linked and group.labels]
    if not linked:
        return Combined((), (), 0)
    count = math.prod(len(group.labels) for group in linked)
    first = itertools.islice(itertools.product(*(group.labels for group in linked)), MOST_SHOWN)
    return Combined(tuple(group.title for group in linked), tuple(" ".join(each) for each in first), count)


def export_json(*, application: Application) -> str:
    """Return an application's annotations as a file, every field that came along included."""
    kept = {
        **application.extra,
        "uuid": str(application.remote_uuid),
        "name": application.name,
        "annotations": application.annotations if application.is_customized else None,
    }
    return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"


def import_json(*, content: bytes) -> tuple[AnnotationGroup, ...]:
    """Return the groups of an exported file, or of a bare list of groups; raises NotValid."""
    if len(content) > LARGEST_FILE:
        raise NotValid(["The file is larger than 1 MB."])
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise NotValid(["The file is not JSON."]) from None
    if isinstance(value, dict) and value.get("annotations", "") is None:
        raise NotValid(["The file is of an application that was not customized."])
    return read_groups(value.get("annotations") if isinstance(value, dict) else value)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON.")
