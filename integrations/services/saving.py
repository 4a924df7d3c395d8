"""One save of an application's annotations at a time: of two at once one would be overwritten unseen."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models import Q

from background.due import from_now
from integrations.models import Application

# Longer than one call may take; a process that died holds the others up as long.
TURN_SECONDS = 300


class NotNow(Exception):
    """Somebody else saves at this moment; nothing was written."""


class Turn:
    """The right to write one application's annotations, known by the moment at which it ends."""

    def __init__(self, application: Application) -> None:
        """Raises NotNow."""
        self._row = Application.objects.filter(pk=application.pk)
        self._take(Q(saving_until=None) | Q(saving_until__lte=from_now()))

    def renew(self) -> None:
        """Have the whole time once more; raises NotNow when it ran out and somebody else began."""
        self._take(Q(saving_until=self._until))

    def end(self) -> None:
        """Let others write; whoever began after this turn ran out keeps theirs."""
        self._row.filter(saving_until=self._until).update(saving_until=None)

    def _take(self, condition: Q) -> None:
        if not self._row.filter(condition).update(saving_until=from_now(seconds=TURN_SECONDS)):
            raise NotNow
        self._until = self._row.values_list("saving_until", flat=True).get()


@contextmanager
def saving_turn(*, application: Application) -> Iterator[Turn]:
    """Be the only one who saves; raises NotNow. Not inside a transaction."""
    turn = Turn(application)
    try:
        yield turn
    finally:
        turn.end()
