"""One change of a service at the Cloud at a time, and how a change ends that was not made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from background.due import schedule
from background.locks import Busy, lock
from integrations.models import RemoteState, Service

BUSY = "Somebody else is changing settings or keys at this moment. Try again in a minute."


class NotDone(Exception):
    """The action was refused; the message tells the reader why, in one or two sentences."""


class OutcomeUnknown(NotDone):
    """The Cloud may have made the change or not; nothing was changed here."""


@contextmanager
def audited(audit: Callable[..., Any]) -> Iterator[None]:
    """Audit a refused or unknown outcome; a success is audited where it happens."""
    try:
        yield
    except NotDone as error:
        audit(outcome="unknown" if isinstance(error, OutcomeUnknown) else "refused")
        raise


@contextmanager
def changing(service: Service) -> Iterator[None]:
    """Hold the lock for changes of keys and settings; raises NotDone.

    After an unknown outcome the Cloud's settings and keys are read again.
    """
    try:
        with lock(service, field="change_until"):
            yield
    except Busy:
        raise NotDone(BUSY) from None
    except OutcomeUnknown:
        schedule(RemoteState.objects.filter(service=service))
        raise
