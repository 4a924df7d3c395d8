"""One thing that was looked at, and how it is."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """Only `FAILED` makes the examination fail."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"
    SKIPPED = "skipped"


MARKS = {Level.OK: "ok     ", Level.NOTE: "note   ", Level.FAILED: "FAILED ", Level.SKIPPED: "skipped"}
# What people read where the name is one of a setting or of two words.
TITLES = {"public_url": "address", "base_url": "base URL", "full_poll": "full poll"}


@dataclass(frozen=True)
class Finding:
    """A check by its short name, how it ended, and one sentence; `service` is empty for the portal itself."""

    name: str
    level: Level
    sentence: str
    service: str = ""

    @property
    def title(self) -> str:
        """What people read as its name."""
        return TITLES.get(self.name, self.name)


def span(seconds: float, *, unit: str = "minute") -> str:
    """Write a length of time in whole minutes or hours: less than a minute, 1 minute, 5 minutes."""
    number = int(seconds // {"minute": 60, "hour": 3600}[unit])
    if number < 1:
        return "less than an hour" if unit == "hour" else "less than a minute"
    return f"1 {unit}" if number == 1 else f"{number:,} {unit}s"


def count_failed(findings: Sequence[Finding]) -> int:
    """Return how many checks failed."""
    return sum(each.level == Level.FAILED for each in findings)


def report(findings: Sequence[Finding], *, as_json: bool) -> str:
    """Return what the command prints: a line for each finding, or one JSON object."""
    if as_json:
        told = {"is_well": not count_failed(findings), "findings": [asdict(each) for each in findings]}
        return json.dumps(told)
    return "\n".join(map(_line, findings))


def _line(finding: Finding) -> str:
    where = f"{finding.service}: " if finding.service else ""
    return f"{MARKS[finding.level]} {where}{finding.title}: {finding.sentence}"


def ok(name: str, sentence: str, *, service: str = "") -> Finding:
    """Return a finding that all is well."""
    return Finding(name, Level.OK, sentence, service)


def note(name: str, sentence: str, *, service: str = "") -> Finding:
    """Return a finding that somebody should know but that stops nothing."""
    return Finding(name, Level.NOTE, sentence, service)


def failed(name: str, sentence: str, *, service: str = "") -> Finding:
    """Return a finding that something does not work."""
    return Finding(name, Level.FAILED, sentence, service)


def skipped(name: str, sentence: str, *, service: str = "") -> Finding:
    """Return a finding that a check could not be made."""
    return Finding(name, Level.SKIPPED, sentence, service)
