"""What the page of problems does that no list of the administration offers in these words."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from background.mail import resend_mail
from background.models import OutgoingMail
from exams.services.arrivals import take_in
from foundation.actions import Action
from integrations.models import Link, Mirror, Service
from integrations.services import mirrors, operation
from integrations.services.linking import check_again

SOON = "as soon as a worker is free"


def _each(work: Callable[..., None]) -> Callable[..., int]:
    def do(*, queryset: QuerySet[Service], user: Any, address: str | None) -> int:
        services = list(queryset)
        for service in services:
            work(service=service, user=user, address=address)
        return len(services)

    return do


def _resume(*, queryset: QuerySet[Service], user: Any, address: str | None) -> int:
    return sum(operation.resume_service(service=each, user=user, address=address) for each in list(queryset))


def _read_again(*, queryset: QuerySet[Mirror], user: Any, address: str | None) -> int:
    rows = list(queryset.select_related("service"))
    for row in rows:
        mirrors.read_again(service=row.service, kind=row.kind, user=user, address=address)
    return len(rows)


def _confirm(*, queryset: QuerySet[Link], user: Any, address: str | None) -> int:
    return sum(check_again(link=link, user=user, address=address) for link in queryset)


def _resend(*, queryset: QuerySet[OutgoingMail], user: Any, address: str | None) -> int:
    chosen = list(queryset.values_list("pk", flat=True))
    return sum(resend_mail(pk=pk, user=user, address=address) for pk in chosen)


POLL = Action(name="poll", button="Poll now", told=f"are polled {SOON}", service=_each(operation.poll_now))
POLL_EVERYTHING = Action(
    name="poll_everything",
    button="Ask Clarius Cloud again",
    told=f"are asked for everything {SOON}",
    service=_each(operation.poll_everything),
)
TAKE_IN = Action(
    name="take_in",
    button="Take in what was missed",
    told=f"are walked from end to end {SOON}, which takes in what was missed",
    service=_each(take_in),
)
RESUME = Action(
    name="resume",
    button="Resume",
    told=f"are in use again and polled {SOON}",
    service=_resume,
)
READ_AGAIN = Action(
    name="read_again", button="Read again", told=f"are read again {SOON}", service=_read_again
)
CONFIRM = Action(
    name="confirm", button="Confirm again", told=f"are confirmed at Clarius Cloud {SOON}", service=_confirm
)
RESEND = Action(name="resend", button="Send all again", told="wait to be sent again", service=_resend)
