"""The list of checks: each is declared once, in the package it belongs to, and shown in several views.

The views are the problems page, a service's page, *Today*, `doctor`, the daily mail and `/health/ready/`.
"""

import logging
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Flag, IntEnum, StrEnum, auto
from typing import Any, Protocol

from foundation.actions import Action

logger = logging.getLogger(__name__)


class Level(IntEnum):
    """The urgency of a finding. From `ACTION` on it is a problem, which needs a person."""

    OK = 0
    SKIPPED = 1
    NOTE = 2
    ACTION = 3
    URGENT = 4


class Cost(StrEnum):
    """The most expensive resource of a check; only `doctor` and *Test connection* use the network."""

    INSTANT = "instant"
    DATABASE = "database"
    NETWORK = "network"


class Audience(Flag):
    """The readers: administrators on pages and by mail; operators in `doctor`, which only they fail."""

    ADMINISTRATORS = auto()
    OPERATORS = auto()
    BOTH = ADMINISTRATORS | OPERATORS


class Subject(Hashable, Protocol):
    """An object that a check runs for, such as a service."""

    name: Any
    slug: Any


@dataclass(frozen=True, kw_only=True)
class Fix:
    """A fix for the rows of a problem: one action that runs at once, or a choice of several on a page."""

    rows: Any
    permission: str
    actions: tuple[Action, ...]
    button: str = ""
    asks: bool = False
    # Each row needs a decision: the page lists the rows with none selected.
    is_one_by_one: bool = False

    @property
    def label(self) -> str:
        """The label of the button."""
        return self.button or self.actions[0].button


@dataclass(frozen=True, kw_only=True)
class Group:
    """The rows of a problem that share a reason, and the URL of the list with exactly these rows."""

    state: str
    reason: str
    count: int
    oldest: datetime | None
    url: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of a check. Empty fields are filled in from its declaration."""

    sentence: str = ""
    level: Level | None = None
    # The page with the counted rows, where a person continues.
    url: str = ""
    count: int = 1
    oldest: datetime | None = None
    fix: Fix | None = None
    groups: tuple[Group, ...] = ()
    # Distinguishes findings of one check about one subject.
    about: str = ""
    check: "Check" = None  # type: ignore[assignment]
    subject: Subject | None = None

    @property
    def code(self) -> str:
        """The code of its check."""
        return self.check.code

    @property
    def title(self) -> str:
        """The name shown to people."""
        return self.code.replace("-", " ")

    @property
    def key(self) -> str:
        """The name of the finding in a URL."""
        parts = (self.code, str(self.subject.slug) if self.subject else "", self.about)
        return ".".join(part for part in parts if part)

    @property
    def text(self) -> str:
        """The sentence, preceded by the name of the subject."""
        return f"{self.subject.name}: {self.sentence}" if self.subject else self.sentence

    @property
    def is_problem(self) -> bool:
        """Whether the finding needs a person."""
        return self.level is not None and self.level >= Level.ACTION

    @property
    def outcome(self) -> str:
        """The result for operators: ok, note, failed or skipped."""
        if self.is_problem and Audience.OPERATORS in self.check.audience:
            return "failed"
        return {Level.OK: "ok", Level.SKIPPED: "skipped"}.get(self.level or Level.OK, "note")

    @property
    def tone(self) -> str:
        """The tone in which pages show the finding."""
        return {Level.OK: "good", Level.SKIPPED: "", Level.URGENT: "bad"}.get(self.level or Level.OK, "warn")


Look = Callable[..., Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A declared check; `look` yields its findings, or nothing."""

    code: str
    severity: Level
    sentence: str
    cost: Cost
    audience: Audience
    # The label of the link to the page where a person continues, and the permission of that page: without
    # it, an account does not see the problem.
    link: str = ""
    permission: str = ""
    # The command for operators, with `{slug}` for the subject.
    command: str = "doctor"
    # The noun for the counted rows.
    noun: str = "service"
    # Returns the subjects to check one by one.
    each: Callable[[], Iterable[Subject]] | None = None
    # If it finds a problem about a subject, pages show no further finding about that subject.
    is_final: bool = False
    # While it finds a problem, `/health/ready/` fails and the process receives no requests.
    decides_readiness: bool = False
    # While it finds a problem, checks that read rows are skipped.
    others_need_it: bool = False
    # `migrate` and `check --database` show it too.
    is_setup: bool = False
    look: Look

    @property
    def place(self) -> str:
        """The package in which it was registered."""
        return self.look.__module__.partition(".")[0]


_checks: dict[str, Check] = {}


def check(**declared: Any) -> Callable[[Look], Look]:
    """Register the decorated function as the check that is declared; see `Check`."""

    def register(look: Look) -> Look:
        made = Check(look=look, **declared)
        if made.code in _checks:
            raise ValueError(f"Two checks are called {made.code}.")
        _checks[made.code] = made
        return look

    return register


def list_checks() -> list[Check]:
    """Return every check, beginning with those that others depend on."""
    return sorted(_checks.values(), key=lambda each: not each.others_need_it)


def is_for_pages(each: Check) -> bool:
    """Return whether pages and mail show this check."""
    return Audience.ADMINISTRATORS in each.audience and each.cost != Cost.NETWORK


def find(
    wanted: Callable[[Check], bool], *, subjects: Iterable[Subject] | None = None, is_thorough: bool = False
) -> Iterator[Finding]:
    """Run the wanted checks, for these subjects or for all.

    If thorough, every check of each subject runs, and an exception in one does not stop the others.
    """
    known: dict[Any, list[Subject | None]] = {None: [None]}
    ended: set[Subject | None] = set()
    has_rows = True
    for each in filter(wanted, list_checks()):
        if not has_rows and (each.cost == Cost.DATABASE or each.each is not None):
            continue
        if each.each not in known and each.each is not None:
            known[each.each] = list(each.each() if subjects is None else subjects)
        for subject in known[each.each]:
            found = [] if subject in ended else list(_look(each, subject, is_thorough))
            if any(one.is_problem for one in found):
                has_rows = has_rows and not each.others_need_it
                ended |= {subject} if each.is_final and not is_thorough else set()
            yield from found


def find_problems(*, subjects: Iterable[Subject] | None = None) -> list[Finding]:
    """Return the problems for administrators, most urgent first."""
    found = [each for each in find(is_for_pages, subjects=subjects) if each.is_problem]
    return sorted(found, key=lambda each: -(each.level or 0))


def problems_for(user: Any) -> list[Finding]:
    """Return the problems whose pages this account may open."""
    return [each for each in find_problems() if user.has_perm(each.check.permission)]


def _look(each: Check, subject: Subject | None, is_thorough: bool) -> Iterator[Finding]:
    try:
        for found in each.look() if subject is None else each.look(subject):
            level = each.severity if found.level is None else found.level
            yield replace(
                found, check=each, subject=subject, level=level, sentence=found.sentence or each.sentence
            )
    except Exception as error:
        if not is_thorough:
            raise
        # The text of an unexpected error may quote secrets or patient data.
        logger.warning("The check %s failed: %s", each.code, type(error).__name__)
        sentence = f"This could not be checked ({type(error).__name__})."
        yield Finding(sentence=sentence, level=each.severity, check=each, subject=subject)
