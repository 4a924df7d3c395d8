"""The daily mail to administrators, when anything needs them."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.services.alerts import alert_administrators
from background.leases import LeaseLost, acquire, finish
from portal.attention.finding import list_problems
from portal.attention.problem import Problem
from portal.models import Digest

HOUR = 6


def send_digest(*, pk: int) -> int | None:
    """Mail what needs a person and make tomorrow's mail due; return how many problems, None when not due."""
    lease = acquire(model=Digest, pk=pk)
    if lease is None:
        return None
    problems = list_problems()
    now = timezone.now()
    try:
        with transaction.atomic():
            if problems:
                things = "thing needs" if len(problems) == 1 else "things need"
                alert_administrators(subject=f"{len(problems)} {things} you", body=_body(problems))
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


def _body(problems: list[Problem]) -> str:
    lines = [f"- {each.sentence}{_figures(each)}" for each in problems]
    return "\n".join([*lines, "", f"{settings.PUBLIC_URL}/attention/"])


def _figures(problem: Problem) -> str:
    told = []
    if problem.count > 1:
        told.append(f"{problem.count:,} {problem.noun}s")
    if problem.oldest is not None:
        told.append(f"since {problem.oldest:%d %b %Y, %H:%M} UTC")
    return f" ({', '.join(told)})" if told else ""
