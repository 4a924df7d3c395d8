"""When a row is due; the times are the database's, so a worker with a wrong clock does no harm."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Func, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

# SQLite's clock counts whole milliseconds: without this a row that was made due just now would not be.
_CLOCK_STEP_SECONDS = 0.001
# A day, the longest that a row waits, becomes 86 seconds of the last hundred.
_SHORTER = 1000
_JUST_SECONDS = 100.0


def from_now(*, seconds: float = 0) -> Combinable:
    """Return the database's time `seconds` from now, written on SQLite as every stored time is."""
    return Now() + timedelta(seconds=seconds)


class _Whole(Func):
    """A duration of whole microseconds: SQLite adds no others."""

    template = "%(expressions)s"
    output_field = DurationField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(%(expressions)s AS INTEGER)", **context)


def just_due() -> Combinable:
    """Return a time of the last minutes for each waiting row, in the order in which they would be due."""
    wait = ExpressionWrapper(F("not_before") - from_now(), output_field=DurationField())
    short = _Whole(ExpressionWrapper(wait / _SHORTER, output_field=DurationField()))
    return ExpressionWrapper(from_now(seconds=-_JUST_SECONDS) + short, output_field=DateTimeField())


def is_free(*, now: datetime | None = None) -> Q:
    """Match rows that nobody holds."""
    return Q(lease_until__isnull=True) | Q(lease_until__lte=_moment(now))


def is_due(*, now: datetime | None = None) -> Q:
    """Match rows whose time has come and that nobody holds."""
    return Q(not_before__lte=_moment(now)) & is_free(now=now)


def is_unannounced(*, now: datetime | None = None) -> Q:
    """Match rows for which no message is believed to be on its way."""
    return Q(nudged_until__isnull=True) | Q(nudged_until__lte=_moment(now))


def is_announced(*, now: datetime | None = None) -> Q:
    """Match rows for which a message is believed to be on its way."""
    return Q(nudged_until__gt=_moment(now))


def _moment(now: datetime | None) -> datetime | Combinable:
    return from_now(seconds=_CLOCK_STEP_SECONDS) if now is None else now
