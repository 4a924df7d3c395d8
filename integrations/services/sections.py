"""Sections of a service's page that other apps register, since this app knows nothing of exams."""

from collections.abc import Callable
from dataclasses import dataclass

from integrations.models import Service


@dataclass(frozen=True)
class Fact:
    """One line of the page; `tone` is good, warn, bad or empty, `url` leads to the rows behind it."""

    label: str
    text: str
    tone: str = ""
    url: str = ""


Section = Callable[[Service], list[Fact]]
_sections: dict[str, Section] = {}


def register_section(*, title: str, section: Section) -> None:
    """Show `section` under this title on every service's page."""
    _sections[title] = section


def sections_of(*, service: Service) -> list[tuple[str, list[Fact]]]:
    """Return the registered titles with their facts about a service."""
    return [(title, section(service)) for title, section in _sections.items()]
