"""What `migrate` and `check --database default` say of services that cannot work as they are."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.db import DatabaseError

from foundation.checks import Finding, find


def check_setup(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Make the checks of the set-up; says nothing before their tables exist."""
    if not databases or "default" not in databases:
        return []
    try:
        # A paused service may be set up in part.
        found = [
            each
            for each in find(lambda check: check.is_setup or check.is_final)
            if each.is_problem and each.check.is_setup
        ]
    except DatabaseError:
        return []
    return [_message(each) for each in found]


def _message(finding: Finding) -> CheckMessage:
    # What is not ready must not start; the rest is done in the administration.
    kind = Error if finding.check.decides_readiness else Warning
    slug = finding.subject.slug if finding.subject else ""
    command = finding.check.command.format(slug=slug)
    return kind(finding.text, hint=f"Run: manage.py {command}", id=finding.code)
