"""The daily mail to administrators, sent when there are problems."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from accounts.services.alerts import alert_administrators
from background.leases import Hold
from background.runner import Done, Job, Outcome
from foundation.checks import Finding, find_problems
from portal.models import Digest

# Before the working day in Europe.
HOUR = 6


def next_time(*, now: datetime) -> datetime:
    """Return the time of the next daily mail, six o'clock UTC."""
    today = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def _send(digest: Digest, hold: Hold) -> Outcome:
    problems = find_problems()
    now = timezone.now()

    def send() -> dict[str, datetime]:
        if problems:
            need = "problem needs" if len(problems) == 1 else "problems need"
            alert_administrators(subject=f"{len(problems)} {need} a person", body=_body(problems))
        return {"done_at": now, "not_before": next_time(now=now)}

    return Done(effect=send)


def _body(problems: list[Finding]) -> str:
    lines = [f"- {each.text}{_figures(each)}" for each in problems]
    return "\n".join([*lines, "", f"{settings.PUBLIC_URL}/problems/"])


def _figures(problem: Finding) -> str:
    figures = [f"{problem.count:,} {problem.check.noun}s"] if problem.count > 1 else []
    if problem.oldest is not None:
        figures.append(f"since {problem.oldest:%d %b %Y, %H:%M} UTC")
    return f" ({', '.join(figures)})" if figures else ""


SEND_DIGEST = Job(
    name="portal.send_digest",
    model=Digest,
    work=_send,
    # Each check is a few queries.
    deadline=timedelta(minutes=5),
    tries=None,
)
