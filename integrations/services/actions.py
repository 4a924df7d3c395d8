"""The actions that fix problems of services, syncs and links with one click."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from foundation.actions import Action
from integrations.models import Link, Service, Sync
from integrations.services import sync
from integrations.services.linking.links import check_again
from integrations.services.settings import operation

SOON = "as soon as a worker is free"


def for_each_service(work: Callable[..., None]) -> Callable[..., int]:
    """Turn a function for one service into one for all services of a query set."""

    def do(*, queryset: QuerySet[Service], user: Any, address: str | None) -> int:
        services = list(queryset)
        for service in services:
            work(service=service, user=user, address=address)
        return len(services)

    return do


def _resume(*, queryset: QuerySet[Service], user: Any, address: str | None) -> int:
    return sum(operation.resume_service(service=each, user=user, address=address) for each in list(queryset))


def _read_again(*, queryset: QuerySet[Sync], user: Any, address: str | None) -> int:
    rows = list(queryset.select_related("service"))
    for row in rows:
        sync.read_again(service=row.service, kind=row.kind, user=user, address=address)
    return len(rows)


def _confirm(*, queryset: QuerySet[Link], user: Any, address: str | None) -> int:
    return sum(check_again(link=link, user=user, address=address) for link in queryset)


POLL = Action(
    name="poll", button="Poll now", message=f"are polled {SOON}", service=for_each_service(operation.poll_now)
)
POLL_EVERYTHING = Action(
    name="poll_everything",
    button="Poll everything",
    message=f"are polled in full {SOON}",
    service=for_each_service(operation.poll_everything),
)
RESUME = Action(
    name="resume", button="Resume", message=f"are in use again and polled {SOON}", service=_resume
)
READ_AGAIN = Action(
    name="read_again", button="Read again", message=f"are read again {SOON}", service=_read_again
)
CONFIRM = Action(
    name="confirm", button="Confirm again", message=f"are confirmed at Clarius Cloud {SOON}", service=_confirm
)
