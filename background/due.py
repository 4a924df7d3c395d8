"""Make rows due, and match due rows, by the database's clock: a worker with a wrong clock does no harm."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Func, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

# SQLite's clock counts in milliseconds: without one more, a row that was made due just now would not be due.
_NOW = Now() + timedelta(milliseconds=1)
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


def is_free() -> Q:
    """Match rows that no worker leases."""
    return Q(lease_until__isnull=True) | Q(lease_until__lte=_NOW)


def is_due() -> Q:
    """Match rows that are due and free."""
    return Q(not_before__lte=_NOW) & is_free()


def schedule(rows: QuerySet[Any], *, at: datetime | None = None) -> int:
    """Make rows due (`at`, or now) with a fresh count of attempts, and return how many.

    A row that is leased at the moment keeps its lease and is due again afterwards.
    """
    return rows.update(
        not_before=from_now() if at is None else at,
        nudged_until=None,
        attempt_count=0,
        # Tells the worker that leases the row that it was scheduled again meanwhile.
        first_tried_at=None,
    )
