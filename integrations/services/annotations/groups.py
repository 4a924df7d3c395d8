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

# The limit of the editor's form: Django reads 1,000 fields of a form, and a group has up to seven.
MOST_GROUPS = 140
# Limits of one group, far above those of the documented examples.
MOST_LABELS = 200
LONGEST = 200
# Combined labels in the preview of the editor.
MOST_SHOWN = 60
# Combinations are counted so far; beyond this the preview shows “more than”.
MOST_COUNTED = 1_000_000_000
# Problems of one form that are listed.
MOST_PROBLEMS = 20
# Characters of a title or label in a message.
LONGEST_NAME = 60
LARGEST_FILE = 1024 * 1024
# The documented fields of a group.
KNOWN = {"title", "labels", "linked"}


class NotValid(Exception):
    """Groups that cannot be sent; `problems` has a sentence for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems[:MOST_PROBLEMS])
        if len(problems) > MOST_PROBLEMS:
            self.problems.append(f"There are {len(problems) - MOST_PROBLEMS:,} more problems.")
        super().__init__(" ".join(self.problems))


@dataclass(frozen=True)
class Combined:
    """The labels that linked groups combine to: the first ones, and the count of all.

    They are counted up to `MOST_COUNTED`: for large groups the number alone would fill pages.
    """

    titles: tuple[str, ...]
    labels: tuple[str, ...]
    count: int
    is_more: bool = False

    @property
    def more_count(self) -> int:
        """The number of labels that are not shown."""
        return self.count - len(self.labels)


def read_groups(value: Any) -> tuple[AnnotationGroup, ...]:
    """Return the groups of a JSON array; raises NotValid for items of another shape."""
    if not isinstance(value, list):
        raise NotValid(["The file does not contain a list of annotation groups."])
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
        return "its title is missing or is not text."
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        return "its labels are missing or are not a list of texts."
    if not isinstance(group.get("linked"), bool):
        return "“linked” is missing, or is neither true nor false."
    return "it contains an incomplete character, which cannot be stored."


def check_groups(groups: Sequence[AnnotationGroup]) -> None:
    """Raise NotValid unless titles and labels are present, unique and short enough for the scanner."""
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
        problems.append(f"{name} has a field that cannot be stored exactly, so nothing is sent.")
    return problems


def fingerprint(*, is_customized: bool, annotations: Any) -> str:
    """Return a hash that differs between two states of an application, whatever the order of fields."""
    state = json.dumps([is_customized, _plain(annotations)], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(state.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return the value with equal numbers written alike: PostgreSQL returns 1e20 as an integer."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def core(*, is_customized: bool, annotations: Any) -> str:
    """Return a fingerprint of the documented fields alone."""
    plain = [{name: each.get(name) for name in sorted(KNOWN)} for each in annotations]
    return fingerprint(is_customized=is_customized, annotations=plain)


def combine(groups: Sequence[AnnotationGroup]) -> Combined:
    """Return the combined labels of linked groups: one of each, in the order of the groups."""
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
    """Return an application's annotations as a file, undocumented fields included."""
    kept = {
        **application.extra,
        "uuid": str(application.remote_uuid),
        "name": application.name,
        "annotations": application.annotations if application.is_customized else None,
    }
    return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"


def import_json(*, content: bytes) -> tuple[AnnotationGroup, ...]:
    """Return the groups of an exported file, or of a plain list of groups; raises NotValid.

    The editor only shows groups that could be saved.
    """
    if len(content) > LARGEST_FILE:
        raise NotValid(["The file is larger than 1 MB."])
    try:
        value = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise NotValid(["The file is not JSON."]) from None
    if isinstance(value, dict) and value.get("annotations", "") is None:
        raise NotValid(["The file is from an application that was not customized."])
    listed = value.get("annotations") if isinstance(value, dict) else value
    if isinstance(listed, list):
        _check_count(listed)
    groups = read_groups(listed)
    check_groups(groups)
    return groups


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON.")
