"""Leases: a worker acquires, renews, finishes or releases a row. Every write checks the lease's token."""

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

logger = logging.getLogger(__name__)


# When this process last acquired a row, in seconds of the monotonic clock: it is alive if it acquires rows,
# not merely if it runs.
_last_acquired: float | None = None


class LeaseLost(Exception):
    """Another worker leases the row by now, or it was released."""


class DeadlineExceeded(Exception):
    """The work took longer than its deadline."""


@dataclass(frozen=True)
class Lease:
    """A row that this worker leases; `deadline` is when the first lease ends, by the database's clock."""

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
    """Lease the row for `seconds` if it is due and free, else return None; not inside a transaction."""
    global _last_acquired
    seconds = settings.LEASE_SECONDS if seconds is None else seconds
    rows = model._base_manager.filter(pk=pk)
    # Durable: a lease that an outer transaction could roll back would protect nothing.
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
    _last_acquired = time.monotonic()
    return Lease(
        model=model,
        pk=pk,
        token=row.lease_token,
        attempt=row.attempt_count,
        deadline=cast(datetime, row.lease_until),
        seconds=seconds,
        first_tried_at=cast(datetime, row.first_tried_at),
    )


def last_acquired() -> float | None:
    """Return when this process last acquired a row, in seconds of the monotonic clock, or None."""
    return _last_acquired


def renew(*, lease: Lease) -> None:
    """Extend the lease by its whole length from now; raises LeaseLost."""
    if not _leased(lease).update(lease_until=from_now(seconds=lease.seconds)):
        raise LeaseLost(str(lease))


def finish(*, lease: Lease, **changes: Any) -> None:
    """Write the changes, reset the attempts and end the lease; the row is due again at a given `not_before`.

    Raises LeaseLost, so call it in one transaction with the effect.
    """
    _end(lease, {"not_before": None, "attempt_count": 0, "first_tried_at": None} | changes)


def release(
    *, lease: Lease, not_before: datetime | Combinable, count_attempt: bool = True, **changes: Any
) -> None:
    """Release the row until later; `count_attempt=False` undoes the attempt. Raises LeaseLost."""
    values: dict[str, Any] = {"not_before": not_before}
    if not count_attempt:
        values["attempt_count"] = Case(
            When(attempt_count__gt=0, then=F("attempt_count") - 1), default=Value(0)
        )
        # If the only attempt does not count, nothing was tried yet.
        values["first_tried_at"] = Case(When(attempt_count__lte=1, then=None), default=F("first_tried_at"))
    _end(lease, values | changes)


def _leased(lease: Lease) -> QuerySet[Any]:
    rows = lease.model._base_manager.filter(pk=lease.pk, lease_token=lease.token)
    return rows.filter(lease_until__isnull=False)


def _end(lease: Lease, values: dict[str, Any]) -> None:
    # If the row was scheduled again during the lease, that wins over the times that the worker wants.
    times = {
        name: Case(When(first_tried_at__isnull=True, then=F(name)), default=values[name])
        for name in ("not_before", "attempt_count", "first_tried_at")
        if name in values
    }
    if not _leased(lease).update(**(values | times), lease_until=None, nudged_until=None):
        raise LeaseLost(str(lease))


_active: set["Hold"] = set()
_active_lock = threading.Lock()


@dataclass(eq=False)
class Hold:
    """A lease that a thread renews in the background; long work calls `check` between its steps."""

    lease: Lease
    deadline_seconds: float
    _started: float = field(default_factory=time.monotonic)
    _renewed: float = field(default_factory=time.monotonic)
    _lost: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def attempt(self) -> int:
        """The number of this try, starting at 1."""
        return self.lease.attempt

    @property
    def tried_for(self) -> timedelta:
        """The time since the first try began, by the database's clock."""
        began_at = self.lease.deadline - timedelta(seconds=self.lease.seconds)
        return began_at - self.lease.first_tried_at + timedelta(seconds=time.monotonic() - self._started)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Open a transaction for a write before the work is complete; it renews the lease first.

        Raises LeaseLost.
        """
        with transaction.atomic():
            renew(lease=self.lease)
            yield

    def extend(self) -> None:
        """Renew the lease now, before a call with an effect; raises LeaseLost."""
        renew(lease=self.lease)

    @property
    def seconds_left(self) -> float:
        """Seconds until the work's deadline, never negative."""
        return max(0.0, self._started + self.deadline_seconds - time.monotonic())

    def check(self) -> None:
        """Raise LeaseLost if another worker may lease the row, DeadlineExceeded if the time is up."""
        # A process that was suspended longer than its lease notices here, before a renewal could fail.
        if self._lost.is_set() or time.monotonic() - self._renewed > self.lease.seconds:
            raise LeaseLost(str(self.lease))
        if not self.seconds_left:
            raise DeadlineExceeded(str(self.lease))

    def _keep_renewing(self) -> None:
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
            # The database may be back before the lease ends; the broken connection must not be used again.
            logger.warning("Could not renew the lease of %s: %s", self.lease, type(error).__name__)
            connection.close()
            return True
        self._renewed = started
        return True


@contextmanager
def holding(*, lease: Lease, deadline_seconds: float) -> Iterator[Hold]:
    """Renew the lease after each third of its length until the deadline. Use it outside of transactions."""
    hold = Hold(lease=lease, deadline_seconds=deadline_seconds)
    renewer = threading.Thread(target=hold._keep_renewing, name=f"lease-{lease.pk}", daemon=True)
    with _active_lock:
        _active.add(hold)
    renewer.start()
    try:
        yield hold
    finally:
        with _active_lock:
            _active.discard(hold)
        hold._stopped.set()
        renewer.join()


def has_leases() -> bool:
    """Return whether this process is working on any row, including one it lost without noticing yet."""
    with _active_lock:
        return bool(_active)


def release_all() -> int:
    """Release every row this process is working on, without counting the attempt; return how many."""
    with _active_lock:
        holds = list(_active)
    count = 0
    for each in holds:
        each._lost.set()
        try:
            release(lease=each.lease, not_before=from_now(), count_attempt=False)
        except LeaseLost:
            continue
        count += 1
    return count
