"""The daily mail to administrators, sent when there are problems."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.services.alerts import alert_administrators
from background.leases import LeaseLost, acquire, finish
from foundation.checks import Finding, find_problems
from portal.models import Digest

HOUR = 6


def send_digest(*, pk: int) -> int | None:
    """Mail the problems and make tomorrow's mail due; return how many problems, None when not due."""
    lease = acquire(model=Digest, pk=pk)
    if lease is None:
        return None
    problems = find_problems()
    now = timezone.now()
    try:
        with transaction.atomic():
            if problems:
                need = "problem needs" if len(problems) == 1 else "problems need"
                alert_administrators(subject=f"{len(problems)} {need} a person", body=_body(problems))
            finish(
                lease=lease,
                not_before=next_time(now=now),
                attempt_count=0,
                first_tried_at=None,
                done_at=now,
            )
    except LeaseLost:
        return None
    return len(problems)


def next_time(*, now: datetime) -> datetime:
    """Return the next moment of the daily mail, six o'clock in UTC."""
    today = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def _body(problems: list[Finding]) -> str:
    lines = [f"- {each.text}{_figures(each)}" for each in problems]
    return "\n".join([*lines, "", f"{settings.PUBLIC_URL}/problems/"])


def _figures(problem: Finding) -> str:
    figures = [f"{problem.count:,} {problem.check.noun}s"] if problem.count > 1 else []
    if problem.oldest is not None:
        figures.append(f"since {problem.oldest:%d %b %Y, %H:%M} UTC")
    return f" ({', '.join(figures)})" if figures else ""
