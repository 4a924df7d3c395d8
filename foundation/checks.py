"""The list of checks: each is declared once, by the package that knows, and shown in several views.

The views are the page of problems, a service's page, *Today*, `doctor`, the daily mail and `/health/ready/`.
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
    """How urgent a finding is. From `TODO` on it is a problem, which needs a person."""

    OK = 0
    SKIPPED = 1
    NOTE = 2
    TODO = 3
    URGENT = 4


class Cost(StrEnum):
    """The most expensive thing that a check uses; only `doctor` and *Test connection* pay for the network."""

    INSTANT = "instant"
    DATABASE = "database"
    NETWORK = "network"


class Audience(Flag):
    """Who sees it: administrators on pages and by mail, operators by `doctor`, which fails for them alone."""

    ADMINISTRATORS = auto()
    OPERATORS = auto()
    BOTH = ADMINISTRATORS | OPERATORS


class Subject(Hashable, Protocol):
    """What a check can be made of one by one, such as a service."""

    name: Any
    slug: Any


@dataclass(frozen=True, kw_only=True)
class Fix:
    """What a click can do to the rows of a problem, at once or after a page that asks which it shall be."""

    rows: Any
    permission: str
    actions: tuple[Action, ...]
    button: str = ""
    asks: bool = False
    # A decision about each row: the page lets a person choose rows, and chooses none.
    is_one_by_one: bool = False

    @property
    def label(self) -> str:
        """What the button says."""
        return self.button or self.actions[0].button


@dataclass(frozen=True, kw_only=True)
class Group:
    """Rows of a problem that have one reason, and the list that holds exactly these."""

    state: str
    reason: str
    count: int
    oldest: datetime | None
    url: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How a check came out. What is left empty is filled in from its declaration."""

    sentence: str = ""
    level: Level | None = None
    # The page where a person goes on, and where the counted rows are.
    url: str = ""
    count: int = 1
    oldest: datetime | None = None
    fix: Fix | None = None
    groups: tuple[Group, ...] = ()
    # Tells it from other findings of the same check about the same subject.
    about: str = ""
    check: "Check" = None  # type: ignore[assignment]
    subject: Subject | None = None

    @property
    def code(self) -> str:
        """The code of its check."""
        return self.check.code

    @property
    def title(self) -> str:
        """What people read as its name."""
        return self.code.replace("-", " ")

    @property
    def key(self) -> str:
        """Its name in an address."""
        parts = (self.code, str(self.subject.slug) if self.subject else "", self.about)
        return ".".join(part for part in parts if part)

    @property
    def text(self) -> str:
        """The sentence, with the name of what it is about."""
        return f"{self.subject.name}: {self.sentence}" if self.subject else self.sentence

    @property
    def is_problem(self) -> bool:
        """Whether a person is needed."""
        return self.level is not None and self.level >= Level.TODO

    @property
    def outcome(self) -> str:
        """How it went for operators: ok, note, failed or skipped."""
        if self.is_problem and Audience.OPERATORS in self.check.audience:
            return "failed"
        return {Level.OK: "ok", Level.SKIPPED: "skipped"}.get(self.level or Level.OK, "note")

    @property
    def tone(self) -> str:
        """The colour in which pages show it."""
        return {Level.OK: "good", Level.SKIPPED: "", Level.URGENT: "bad"}.get(self.level or Level.OK, "warn")


Look = Callable[..., Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A declared check; `look` returns findings, or nothing where nothing is to be said."""

    code: str
    severity: Level
    sentence: str
    cost: Cost
    audience: Audience
    # The button that leads to where a person goes on, and the permission of that page: whoever may not open
    # it is not told of the problem either.
    link: str = ""
    permission: str = ""
    # What an operator runs instead, with `{slug}` for the subject.
    command: str = "doctor"
    # What is counted.
    noun: str = "service"
    # Returns what it is made of one by one.
    each: Callable[[], Iterable[Subject]] | None = None
    # Where it finds something about a subject, pages say nothing else about that subject.
    is_final: bool = False
    # No request is sent to a web process while it finds a problem.
    decides_readiness: bool = False
    # While it finds a problem, no check that reads rows is made.
    others_need_it: bool = False
    # `migrate` and `check --database` show it as well.
    is_setup: bool = False
    look: Look

    @property
    def place(self) -> str:
        """The package in which it was registered."""
        return self.look.__module__.partition(".")[0]


_checks: dict[str, Check] = {}


def check(**declared: Any) -> Callable[[Look], Look]:
    """Register the decorated function under what is declared; see `Check`."""

    def register(look: Look) -> Look:
        made = Check(look=look, **declared)
        if made.code in _checks:
            raise ValueError(f"Two checks are called {made.code}.")
        _checks[made.code] = made
        return look

    return register


def list_checks() -> list[Check]:
    """Return every check, those that others need first."""
    return sorted(_checks.values(), key=lambda each: not each.others_need_it)


def is_for_pages(each: Check) -> bool:
    """Tell whether pages and mail show it."""
    return Audience.ADMINISTRATORS in each.audience and each.cost != Cost.NETWORK


def find(
    wanted: Callable[[Check], bool], *, subjects: Iterable[Subject] | None = None, is_thorough: bool = False
) -> Iterator[Finding]:
    """Make the wanted checks, of these subjects or of all there are.

    A thorough look makes every check of each subject, and no check that breaks may end it.
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
    """Return what needs an administrator, most urgent first."""
    found = [each for each in find(is_for_pages, subjects=subjects) if each.is_problem]
    return sorted(found, key=lambda each: -(each.level or 0))


def problems_for(user: Any) -> list[Finding]:
    """Return the problems whose page this account may open."""
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
        # The text of a foreign error may quote what must not be shown.
        logger.warning("The check %s failed: %s", each.code, type(error).__name__)
        sentence = f"This could not be checked ({type(error).__name__})."
        yield Finding(sentence=sentence, level=each.severity, check=each, subject=subject)
