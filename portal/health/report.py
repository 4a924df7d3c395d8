"""The output of `doctor`. It does not import Django, since it also reports settings that cannot be read."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from foundation.checks import Finding

FAILED = "failed"


class Line(NamedTuple):
    """The code of a check, its level and a sentence; `service` is empty for the portal itself."""

    code: str
    level: str
    sentence: str
    service: str = ""


def line_of(finding: Finding) -> Line:
    """Return the line about a finding."""
    slug = str(finding.subject.slug) if finding.subject else ""
    return Line(finding.code, finding.outcome, finding.sentence, slug)


def count_failed(lines: Sequence[Line]) -> int:
    """Return how many checks failed."""
    return sum(each.level == FAILED for each in lines)


def report(lines: Sequence[Line], *, as_json: bool) -> str:
    """Return a line for each finding, or one JSON object."""
    if as_json:
        findings = [each._asdict() for each in lines]
        return json.dumps({"is_well": not count_failed(lines), "findings": findings})
    return "\n".join(map(_printed, lines))


def _printed(line: Line) -> str:
    level = line.level.upper() if line.level == FAILED else line.level
    where = f"{line.service}: " if line.service else ""
    return f"{level:7} {where}{line.code.replace('-', ' ')}: {line.sentence}"
