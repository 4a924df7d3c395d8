"""When a row is due; the times are the database's, so a worker with a wrong clock does no harm."""

from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now

# SQLite's clock counts whole milliseconds: without this a row that was made due just now would not be.
_CLOCK_STEP_SECONDS = 0.001


def from_now(*, seconds: float = 0) -> Combinable:
    """Return the database's time `seconds` from now, written on SQLite as every stored time is."""
    return Now() + timedelta(seconds=seconds)


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
