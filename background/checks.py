"""Health checks of the processes and of mail."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone

from background.heartbeat import SILENCE, is_silent, latest_heartbeat
from background.mail import resend_chosen
from background.models import Heartbeat, OutgoingMail
from foundation.actions import Action
from foundation.admin_urls import list_url
from foundation.checks import Audience, Cost, Finding, Fix, Level, check
from foundation.moments import span

# Mail that failed earlier is no longer worth sending.
MAIL_SHOWN = timedelta(days=7)
PROCESS = {
    "severity": Level.URGENT,
    "cost": Cost.DATABASE,
    "audience": Audience.BOTH,
    "link": "View processes",
    "permission": "background.view_heartbeat",
    "noun": "process",
}


@check(code="worker-silent", sentence="The worker does not respond.", **PROCESS)
def look_at_worker() -> Iterator[Finding]:
    """A worker wrote its heartbeat recently."""
    yield _look_at(Heartbeat.Name.WORKER, "nothing is fetched or sent")


@check(code="beat-silent", sentence="The beat does not respond.", **PROCESS)
def look_at_beat() -> Iterator[Finding]:
    """The beat process wrote its heartbeat recently."""
    yield _look_at(Heartbeat.Name.BEAT, "nothing that becomes due is started")


def _look_at(process: Heartbeat.Name, consequence: str) -> Finding:
    name, url = process.value, list_url(Heartbeat, name__exact=process.value)
    seen = latest_heartbeat(name=name)
    if seen is None:
        sentence = f"The {name} has never run, so {consequence}. Start it with manage.py worker."
        return Finding(sentence=sentence, url=url, count=0)
    age = timezone.now() - seen.seen_at
    if is_silent(seen):
        ago = span(age.total_seconds())
        sentence = f"The {name} does not respond, last seen {ago} ago. Until it runs again, {consequence}."
    elif age < -SILENCE:
        ahead = span(-age.total_seconds())
        sentence = f"The {name} was seen {ahead} in the future: its clock or this one is wrong."
    else:
        seconds = max(int(age.total_seconds()), 0)
        return Finding(sentence=f"The {name} is running, seen {seconds} seconds ago.", level=Level.OK)
    count = Heartbeat.objects.filter(name=name).count()
    return Finding(sentence=sentence, url=url, count=count, oldest=seen.seen_at)


RESEND = Action(
    name="resend", button="Send all again", message="wait to be sent again", service=resend_chosen
)


@check(
    code="mail-failed",
    severity=Level.ACTION,
    sentence="Mail could not be sent.",
    cost=Cost.DATABASE,
    audience=Audience.ADMINISTRATORS,
    link="View mail",
    permission="background.view_outgoingmail",
    noun="mail",
)
def look_at_failed_mail() -> Iterator[Finding]:
    """No mail failed in the last seven days."""
    since = timezone.now() - MAIL_SHOWN
    failed = OutgoingMail.objects.filter(state=OutgoingMail.State.FAILED, created_at__gte=since)
    found = failed.aggregate(count=Count("pk"), oldest=Min("created_at"))
    if found["count"]:
        url = list_url(OutgoingMail, state__exact=OutgoingMail.State.FAILED.value, created_at__gte=since)
        fix = Fix(rows=failed, permission="background.change_outgoingmail", actions=(RESEND,))
        yield Finding(url=url, fix=fix, **found)


@check(
    code="mail-server",
    severity=Level.NOTE,
    sentence="No mail server is configured.",
    cost=Cost.INSTANT,
    audience=Audience.OPERATORS,
)
def look_at_mail_server() -> Iterator[Finding]:
    """Mail is sent through a mail server."""
    backend = settings.EMAIL_BACKEND.rsplit(".", 2)[-2]
    if backend == "smtp":
        yield Finding(sentence="Mail is sent through a mail server.", level=Level.OK)
    else:
        yield Finding(sentence=f"Mail is only written to “{backend}”. Set EMAIL_URL to send it.")
