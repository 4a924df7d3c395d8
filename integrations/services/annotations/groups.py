"""Annotation groups as text and as data: validation, comparison, combination, import and export."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrations.clarius import errors
from integrations.clarius.schemas import AnnotationGroup
from integrations.models import Application
from integrations.services.reading import is_exact

# What the editor's form carries: Django reads 1,000 fields of a form, and a group has up to seven.
MOST_GROUPS = 140
MOST_LABELS = 200
LONGEST = 200
MOST_SHOWN = 60
MOST_COUNTED = 1_000_000_000
MOST_PROBLEMS = 20
LONGEST_NAME = 60
LARGEST_FILE = 1024 * 1024
KNOWN = {"title", "labels", "linked"}


class NotValid(Exception):
    """Groups that are not sent; `problems` holds a sentence for each thing to mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems[:MOST_PROBLEMS])
        if len(problems) > MOST_PROBLEMS:
            self.problems.append(f"There are {len(problems) - MOST_PROBLEMS:,} more problems.")
        super().__init__(" ".join(self.problems))


@dataclass(frozen=True)
class Combined:
    """Which unique labels the linked groups make, the first of them and how many there are in all.

    They are counted as far as `MOST_COUNTED`: of large groups the number alone would fill pages.
    """

    titles: tuple[str, ...]
    labels: tuple[str, ...]
    count: int
    is_more: bool = False

    @property
    def more_count(self) -> int:
        """How many are not shown."""
        return self.count - len(self.labels)


def read_groups(value: Any) -> tuple[AnnotationGroup, ...]:
    """Return the groups of a JSON array; raises NotValid for what has not their shape."""
    if not isinstance(value, list):
        raise NotValid(["The file holds no list of annotation groups."])
    groups, problems = [], []
    for number, each in enumerate(value, start=1):
        try:
            groups.append(AnnotationGroup.from_json(each))
        except errors.ProtocolError:
            problems.append(f"Group {number} of the file cannot be read: {_misshapen(each)}")
    if problems:
        raise NotValid(problems)
    return tuple(groups)


def _misshapen(group: Any) -> str:
    if not isinstance(group, dict):
        return "it is not an object with title, labels and linked."
    labels = group.get("labels")
    if not isinstance(group.get("title"), str):
        return "its title is missing or not a text."
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        return "its labels are missing or not a list of texts."
    if not isinstance(group.get("linked"), bool):
        return "“linked” is missing or not true or false."
    return "it has half a character, which cannot be stored."


def check_groups(groups: Sequence[AnnotationGroup]) -> None:
    """Raise NotValid unless a user of the scanner could tell groups and labels apart."""
    _check_count(groups)
    problems: list[str] = []
    titles: set[str] = set()
    for number, group in enumerate(groups, start=1):
        name = f"“{_short(group.title)}”" if group.title.strip() else f"Group {number}"
        problems += _problems_of(group, name)
        if group.title.strip() and group.title in titles:
            problems.append(f"{name} is the title of two groups.")
        titles.add(group.title)
    if problems:
        raise NotValid(problems)


def _check_count(groups: Sequence[Any]) -> None:
    if len(groups) > MOST_GROUPS:
        raise NotValid([f"There are {len(groups):,} groups; at most {MOST_GROUPS} can be saved from here."])


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}…"


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
    twice = [label for label, count in Counter(group.labels).items() if count > 1]
    problems += [f"{name} has the label “{_short(label)}” twice." for label in sorted(twice)]
    if not is_exact([group.to_json()]):
        problems.append(f"{name} has a field that cannot be kept exactly, so nothing is sent.")
    return problems


def fingerprint(*, is_customized: bool, annotations: Any) -> str:
    """Return what tells two states of an application apart, the order of fields aside."""
    state = json.dumps([is_customized, _plain(annotations)], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(state.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Write equal numbers alike: PostgreSQL gives 1e20 back as a whole number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def core(*, is_customized: bool, annotations: Any) -> str:
    """Return what tells states apart by the documented fields alone."""
    plain = [{name: each.get(name) for name in sorted(KNOWN)} for each in annotations]
    return fingerprint(is_customized=is_customized, annotations=plain)


def combine(groups: Sequence[AnnotationGroup]) -> Combined:
    """Return what the labels of linked groups combine to: one of each, in the order of the groups."""
    linked = [group for group in groups if group.linked and group.labels]
    if not linked:
        return Combined((), (), 0)
    count = 1
    for group in linked:
        count = min(count * len(group.labels), MOST_COUNTED + 1)
    first = itertools.islice(itertools.product(*(group.labels for group in linked)), MOST_SHOWN)
    return Combined(
        titles=tuple(group.title for group in linked),
        labels=tuple(" ".join(each) for each in first),
        count=min(count, MOST_COUNTED),
        is_more=count > MOST_COUNTED,
    )


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
    """Return the groups of an exported file, or of a bare list of groups; raises NotValid.

    They are valid: what could not be saved is not shown in the editor either.
    """
    if len(content) > LARGEST_FILE:
        raise NotValid(["The file is larger than 1 MB."])
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise NotValid(["The file is not JSON."]) from None
    if isinstance(value, dict) and value.get("annotations", "") is None:
        raise NotValid(["The file is of an application that was not customized."])
    listed = value.get("annotations") if isinstance(value, dict) else value
    if isinstance(listed, list):
        _check_count(listed)
    groups = read_groups(listed)
    check_groups(groups)
    return groups


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON.")
