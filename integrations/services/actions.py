"""The actions on services, syncs and links, for the administration and as fixes of problems."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from foundation.actions import Action
from integrations.models import Service, Sync
from integrations.services import sync
from integrations.services.linking.links import check_again
from integrations.services.settings.pausing_and_polling import (
    pause_service,
    poll_everything,
    poll_now,
    probe_soon,
    resume_service,
)

SOON = "as soon as a worker is free"


def for_each_service(work: Callable[..., object]) -> Callable[..., int]:
    """Turn a function for one service into one for all of a query set, which counts those it changed.

    False means that the service was left as it is.
    """

    def do(*, queryset: QuerySet[Service], user: Any, address: str | None) -> int:
        return sum(work(service=each, user=user, address=address) is not False for each in list(queryset))

    return do


def _read_again(*, queryset: QuerySet[Sync], user: Any, address: str | None) -> int:
    rows = list(queryset.select_related("service"))
    for row in rows:
        sync.read_again(service=row.service, kind=row.kind, user=user, address=address)
    return len(rows)


POLL = Action(
    name="poll_now",
    button="Poll now",
    message=f"will be polled {SOON}",
    service=for_each_service(poll_now),
)
POLL_EVERYTHING = Action(
    name="poll_everything",
    button="Poll everything",
    message=f"will be polled from end to end {SOON}",
    service=for_each_service(poll_everything),
)
PROBE = Action(
    name="probe_keys",
    button="Test the stored keys",
    message=f"will be called with each stored key {SOON}",
    service=for_each_service(probe_soon),
)
PAUSE = Action(
    name="pause",
    title="Pause these services?",
    explanation="Until someone resumes them, nothing is polled, fetched or sent, customers cannot "
    "connect, API keys are not rotated, and notifications are refused.\n\n"
    "Exams and reports that are already here can be read, reviewed and signed. Nothing is deleted or "
    "changed at Clarius Cloud. The first poll after the pause fetches everything submitted meanwhile.",
    button="Pause",
    message="were paused",
    service=for_each_service(pause_service),
    left="The others are already paused.",
    is_grave=True,
)
RESUME = Action(
    name="resume",
    button="Resume",
    message=f"were resumed and will be polled {SOON}",
    service=for_each_service(resume_service),
    left="The others are not paused.",
)
READ_AGAIN = Action(
    name="read_again", button="Read again", message=f"will be read again {SOON}", service=_read_again
)
CONFIRM = Action(
    name="ask_again",
    button="Confirm again",
    message="will be confirmed with Clarius Cloud",
    service=check_again,
    left="The others had already ended.",
    is_partial=False,
)
