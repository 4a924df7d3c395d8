"""System checks: of the settings at every command, of services by `migrate` and `check --database`."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.db import DatabaseError

from foundation.checks import Cost, Finding, Level, find


def check_setup(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Return the problems of the set-up; none that needs tables before they exist."""
    has_rows = bool(databases and "default" in databases)
    try:
        # Final checks are run too, since they decide which others apply: a paused service may be incomplete.
        found = [
            each
            for each in find(
                lambda check: (check.is_setup or check.is_final) and (has_rows or check.cost == Cost.INSTANT)
            )
            if each.is_problem and each.check.is_setup
        ]
    except DatabaseError:
        return []
    return [_message(each) for each in found]


def _message(finding: Finding) -> CheckMessage:
    # What is urgent must stop the start; the rest can be fixed while the portal runs.
    kind = Error if finding.level == Level.URGENT else Warning
    slug = finding.subject.slug if finding.subject else ""
    command = finding.check.command.format(slug=slug)
    return kind(finding.text, hint=f"Run: manage.py {command}", id=finding.code)
