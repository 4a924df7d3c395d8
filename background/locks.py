"""One change at a time: a column of a row says until when somebody changes what it stands for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from background.due import from_now

# Longer than the calls of one change may take together; a process that died holds the others up as long.
LOCK_SECONDS = 300.0


class Busy(Exception):
    """Somebody else changes it at this moment; nothing was done."""


class Lock:
    """The right to change something, known by the moment it ends: only its owner renews or ends it."""

    def __init__(self, row: Model, *, field: str) -> None:
        """Take the lock; raises Busy."""
        self._rows = type(row)._base_manager.filter(pk=row.pk)
        self._field = field
        self._take(Q(**{field: None}) | Q(**{f"{field}__lte": from_now()}))

    def renew(self) -> None:
        """Have the whole time again; raises Busy when it ran out and somebody else began."""
        self._take(Q(**{self._field: self._until}))

    def end(self) -> None:
        """Let others change it; the moment stays, so that a look which began before it is not believed."""
        self._rows.filter(**{self._field: self._until}).update(**{self._field: from_now()})

    def _take(self, condition: Q) -> None:
        if not self._rows.filter(condition).update(**{self._field: from_now(seconds=LOCK_SECONDS)}):
            raise Busy
        self._until = stamp_of(self._rows, field=self._field)


@contextmanager
def lock(row: Model, *, field: str) -> Iterator[Lock]:
    """Be the only one who changes it; raises Busy. Not inside a transaction."""
    held = Lock(row, field=field)
    try:
        yield held
    finally:
        held.end()


def stamp_of(rows: Any, *, field: str) -> datetime | None:
    """Return what tells this change of a row, or the last one, from the next."""
    stamp: datetime | None = rows.values_list(field, flat=True).get()
    return stamp


def was_changed_since(rows: Any, *, field: str, stamp: datetime | None) -> bool:
    """Tell whether a change is under way, or was since `stamp` was that of the last one."""
    same = rows.filter(**{field: stamp})
    return not same.exclude(**{f"{field}__gt": from_now()}).exists()
