"""A worker holds a row: acquire, renew, finish, release. Every write asks for the lease's own token."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import Case, F, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from background.due import from_now, is_due
from background.models import LeasedRow
from background.progress import note_acquired

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 12


class LeaseLost(Exception):
    """The row belongs to another worker by now, or was given back."""


class DeadlineExceeded(Exception):
    """The work took longer than its own deadline."""


@dataclass(frozen=True)
class Lease:
    """A row held by this worker; `deadline` is when the lease first ends, by the database's clock."""

    model: type[LeasedRow]
    pk: Any
    token: int
    attempt: int
    deadline: datetime
    seconds: float
    first_tried_at: datetime

    def __str__(self) -> str:
        return f"{self.model._meta.label_lower} {self.pk} (token {self.token}, attempt {self.attempt})"


def acquire(*, model: type[LeasedRow], pk: Any, seconds: float | None = None) -> Lease | None:
    """Take the row for `seconds` if it is due and free, else return None; not inside a transaction."""
    seconds = settings.LEASE_SECONDS if seconds is None else seconds
    rows = model._base_manager.filter(pk=pk)
    # Durable: a lease that an outer transaction could roll back would be worth nothing.
    with transaction.atomic(durable=True):
        taken = rows.filter(is_due()).update(
            lease_token=F("lease_token") + 1,
            lease_until=from_now(seconds=seconds),
            nudged_until=None,
            attempt_count=F("attempt_count") + 1,
            first_tried_at=Coalesce(F("first_tried_at"), from_now()),
        )
        if not taken:
            return None
        row = rows.only("lease_token", "attempt_count", "lease_until", "first_tried_at").get()
    note_acquired()
    return Lease(
        model=model,
        pk=pk,
        token=row.lease_token,
        attempt=row.attempt_count,
        deadline=cast(datetime, row.lease_until),
        seconds=seconds,
        first_tried_at=cast(datetime, row.first_tried_at),
    )


def renew(*, lease: Lease) -> None:
    """Hold the row for another length of the lease from now; raises LeaseLost."""
    if not _held(lease).update(lease_until=from_now(seconds=lease.seconds)):
        raise LeaseLost(str(lease))


def finish(*, lease: Lease, **changes: Any) -> None:
    """Write the outcome and give the row up; raises LeaseLost, so wrap it and the effect in one transaction.

    Without `not_before` among the changes the row is done and its attempts are forgotten; with it the row
    is due again then, and the attempts stay unless the changes reset them.
    """
    values: dict[str, Any] = {"not_before": None}
    if changes.get("not_before") is None:
        values |= {"attempt_count": 0, "first_tried_at": None}
    _give_up(lease, values | changes)


def release(
    *, lease: Lease, not_before: datetime | Combinable, count_attempt: bool = True, **changes: Any
) -> None:
    """Give the row back for later; `count_attempt=False` undoes the attempt. Raises LeaseLost."""
    values: dict[str, Any] = {"not_before": not_before}
    if not count_attempt:
        values["attempt_count"] = Case(
            When(attempt_count__gt=0, then=F("attempt_count") - 1), default=Value(0)
        )
        # Nothing was tried yet when the only attempt does not count.
        values["first_tried_at"] = Case(When(attempt_count__lte=1, then=None), default=F("first_tried_at"))
    _give_up(lease, values | changes)


def _held(lease: Lease) -> QuerySet[Any]:
    rows = lease.model._base_manager.filter(pk=lease.pk, lease_token=lease.token)
    return rows.filter(lease_until__isnull=False)


def _give_up(lease: Lease, values: dict[str, Any]) -> None:
    # Scheduled again while it was held: that wish wins over what the holder would like next.
    wanted = {
        name: Case(When(first_tried_at__isnull=True, then=F(name)), default=values[name])
        for name in ("not_before", "attempt_count", "first_tried_at")
        if name in values
    }
    if not _held(lease).update(**(values | wanted), lease_until=None, nudged_until=None):
        raise LeaseLost(str(lease))


_held_now: set["Hold"] = set()
_held_now_lock = threading.Lock()


@dataclass(eq=False)
class Hold:
    """A lease that a thread keeps alive; long work calls `check` between its steps."""

    lease: Lease
    deadline_seconds: float
    _started: float = field(default_factory=time.monotonic)
    _renewed: float = field(default_factory=time.monotonic)
    _lost: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def attempt(self) -> int:
        """Number of this try, from 1."""
        return self.lease.attempt

    @property
    def tried_for(self) -> timedelta:
        """How long ago the first try began, by the database's clock."""
        began_at = self.lease.deadline - timedelta(seconds=self.lease.seconds)
        return began_at - self.lease.first_tried_at + timedelta(seconds=time.monotonic() - self._started)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Write something before the work is complete: a transaction that renews the lease first.

        Raises LeaseLost.
        """
        with transaction.atomic():
            renew(lease=self.lease)
            yield

    @property
    def seconds_left(self) -> float:
        """Seconds until the work's own deadline, never negative."""
        return max(0.0, self._started + self.deadline_seconds - time.monotonic())

    def check(self) -> None:
        """Raise LeaseLost when the row may be another's, DeadlineExceeded when the time is up."""
        # A process that slept through its lease learns it here, before any renewal had a chance to fail.
        if self._lost.is_set() or time.monotonic() - self._renewed > self.lease.seconds:
            raise LeaseLost(str(self.lease))
        if not self.seconds_left:
            raise DeadlineExceeded(str(self.lease))

    def _keep(self) -> None:
        interval = self.lease.seconds / 3
        try:
            while self.seconds_left and not self._stopped.wait(min(interval, self.seconds_left)):
                if not self._renew():
                    return
        finally:
            connection.close()

    def _renew(self) -> bool:
        started = time.monotonic()
        try:
            renew(lease=self.lease)
        except LeaseLost:
            self._lost.set()
            return False
        except (DatabaseError, InterfaceError) as error:
            # The database may be back before the lease ends; a broken connection must not be tried again.
            logger.warning("Could not renew the lease of %s: %s", self.lease, type(error).__name__)
            connection.close()
            return True
        self._renewed = started
        return True


@contextmanager
def holding(*, lease: Lease, deadline_seconds: float) -> Iterator[Hold]:
    """Renew the lease at every third of its length until the deadline; use it outside of transactions."""
    held = Hold(lease=lease, deadline_seconds=deadline_seconds)
    keeper = threading.Thread(target=held._keep, name=f"lease-{lease.pk}", daemon=True)
    with _held_now_lock:
        _held_now.add(held)
    keeper.start()
    try:
        yield held
    finally:
        with _held_now_lock:
            _held_now.discard(held)
        held._stopped.set()
        keeper.join()


def holds_any() -> bool:
    """Tell whether this process works on any row now, or has lost one and not noticed yet."""
    with _held_now_lock:
        return bool(_held_now)


def release_held() -> int:
    """Give back every row this process still works on, without counting the attempt; return how many."""
    with _held_now_lock:
        held = list(_held_now)
    count = 0
    for each in held:
        each._lost.set()
        try:
            release(lease=each.lease, not_before=from_now(), count_attempt=False)
        except LeaseLost:
            continue
        count += 1
    return count
