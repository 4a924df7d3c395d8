"""System checks of the set-up, run by `migrate` and by `check --database default`."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.db import DatabaseError

from foundation.checks import Finding, find


def check_setup(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Return the problems of the set-up; none before the tables exist."""
    if not databases or "default" not in databases:
        return []
    try:
        # Final checks are run too, since they decide which others apply: a paused service may be incomplete.
        found = [
            each
            for each in find(lambda check: check.is_setup or check.is_final)
            if each.is_problem and each.check.is_setup
        ]
    except DatabaseError:
        return []
    return [_message(each) for each in found]


def _message(finding: Finding) -> CheckMessage:
    # What decides readiness must stop the start; the rest can be fixed in the administration.
    kind = Error if finding.check.decides_readiness else Warning
    slug = finding.subject.slug if finding.subject else ""
    command = finding.check.command.format(slug=slug)
    return kind(finding.text, hint=f"Run: manage.py {command}", id=finding.code)
