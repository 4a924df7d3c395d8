"""Conditions for due rows. They use the database's clock, so a worker with a wrong clock does no harm."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Func, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

# SQLite's clock counts in milliseconds: without this, a row that was made due just now would not be due yet.
_CLOCK_STEP_SECONDS = 0.001
# The longest wait, a day, shrinks to 86 seconds and so fits into the last hundred.
_SHORTER = 1000
_JUST_SECONDS = 100.0


def from_now(*, seconds: float = 0) -> Combinable:
    """Return the database's time `seconds` from now."""
    return Now() + timedelta(seconds=seconds)


class _Whole(Func):
    """A duration in whole microseconds: SQLite cannot add any other."""

    template = "%(expressions)s"
    output_field = DurationField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(%(expressions)s AS INTEGER)", **context)


def just_due() -> Combinable:
    """Return a time in the last two minutes for each waiting row, so that they keep their order."""
    wait = ExpressionWrapper(F("not_before") - from_now(), output_field=DurationField())
    short = _Whole(ExpressionWrapper(wait / _SHORTER, output_field=DurationField()))
    return ExpressionWrapper(from_now(seconds=-_JUST_SECONDS) + short, output_field=DateTimeField())


def is_free(*, now: datetime | None = None) -> Q:
    """Match rows that no worker leases."""
    return Q(lease_until__isnull=True) | Q(lease_until__lte=_moment(now))


def is_due(*, now: datetime | None = None) -> Q:
    """Match rows that are due and free."""
    return Q(not_before__lte=_moment(now)) & is_free(now=now)


def is_unannounced(*, now: datetime | None = None) -> Q:
    """Match rows for which no message is expected to be under way."""
    return Q(nudged_until__isnull=True) | Q(nudged_until__lte=_moment(now))


def is_announced(*, now: datetime | None = None) -> Q:
    """Match rows for which a message is expected to be under way."""
    return Q(nudged_until__gt=_moment(now))


def _moment(now: datetime | None) -> datetime | Combinable:
    return from_now(seconds=_CLOCK_STEP_SECONDS) if now is None else now
