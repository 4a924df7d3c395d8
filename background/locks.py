"""Locks for one change at a time: a column of a row holds the time until which it is locked."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from background.due import from_now

# Longer than all calls of one change together. After a crash, others have to wait for as long.
LOCK_SECONDS = 300.0


class Busy(Exception):
    """Somebody else holds the lock; nothing was done."""


class Lock:
    """A lock, identified by the time it ends: only its owner can renew or end it."""

    def __init__(self, row: Model, *, field: str) -> None:
        """Acquire the lock; raises Busy."""
        self._rows = type(row)._base_manager.filter(pk=row.pk)
        self._field = field
        self._extend(Q(**{field: None}) | Q(**{f"{field}__lte": from_now()}))

    def renew(self) -> None:
        """Start the whole time again; raises Busy if it ran out and somebody else has the lock."""
        self._extend(Q(**{self._field: self._until}))

    def end(self) -> None:
        """Unlock it. The time stays in the row, so that reads from before this change are known to be old."""
        self._rows.filter(**{self._field: self._until}).update(**{self._field: from_now()})

    def _extend(self, condition: Q) -> None:
        if not self._rows.filter(condition).update(**{self._field: from_now(seconds=LOCK_SECONDS)}):
            raise Busy
        self._until = stamp_of(self._rows, field=self._field)


@contextmanager
def lock(row: Model, *, field: str) -> Iterator[Lock]:
    """Hold the lock; raises Busy. Use it outside of transactions."""
    acquired = Lock(row, field=field)
    try:
        yield acquired
    finally:
        acquired.end()


def stamp_of(rows: Any, *, field: str) -> datetime | None:
    """Return the stamp of the current or latest change, to be compared by `was_changed_since`."""
    stamp: datetime | None = rows.values_list(field, flat=True).get()
    return stamp


def was_changed_since(rows: Any, *, field: str, stamp: datetime | None) -> bool:
    """Return whether a change is under way, or took place after `stamp` was read."""
    same = rows.filter(**{field: stamp})
    return not same.exclude(**{f"{field}__gt": from_now()}).exists()
