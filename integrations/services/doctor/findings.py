"""One thing that was looked at, and how it is."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Only `FAILED` makes the examination fail."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """A check by its short name, how it ended, and one sentence; `service` is empty for the portal itself."""

    name: str
    level: Level
    sentence: str
    service: str = ""


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
