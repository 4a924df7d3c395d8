"""One change of settings or keys at a time: of two at once nobody could say what the Cloud has."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db.models import Q

from background.due import from_now
from background.jobs import schedule
from integrations.models import RemoteState, Service
from integrations.services.webhook_secrets import COLUMNS

# Longer than the calls of one change may take together; a process that died holds the others up as long.
TURN = timedelta(minutes=5)


class NotNow(Exception):
    """Somebody else changes something at this moment; the message is one sentence for the reader."""


@contextmanager
def cloud_turn(*, service: Service) -> Iterator[None]:
    """Be the only one who changes what the Cloud has, with the secrets as they are now; raises NotNow."""
    is_free = Q(change_until=None) | Q(change_until__lte=from_now())
    until = from_now(seconds=TURN.total_seconds())
    if not Service.objects.filter(is_free, pk=service.pk).update(change_until=until):
        raise NotNow("Somebody else is changing settings or keys at this moment. Try again in a minute.")
    service.refresh_from_db(fields=COLUMNS)
    try:
        yield
    finally:
        give_back(service=service)


def give_back(*, service: Service) -> None:
    """Let the next one come; the moment stays, so that a look which began before it is not believed."""
    Service.objects.filter(pk=service.pk).update(change_until=from_now())


def look_again(*, service: Service) -> None:
    """Have settings and keys read at the Cloud as soon as a worker is free, where they were read before."""
    schedule(queryset=RemoteState.objects.filter(service=service))


def last_turn(*, service: Service) -> datetime | None:
    """Return what tells this turn, or the last one, from the next."""
    return Service.objects.values_list("change_until", flat=True).get(pk=service.pk)


def was_changed_since(*, service: Service, turn: datetime | None) -> bool:
    """Tell whether a change is under way, or was since `turn` was the last one."""
    row = Service.objects.filter(pk=service.pk, change_until=turn)
    return not row.exclude(change_until__gt=from_now()).exists()
