"""When a row is due; the times are the database's, so a worker with a wrong clock does no harm."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now


def from_now(*, seconds: float = 0) -> Combinable:
    """Return the database's time `seconds` from now; SQLite stores it as it stores any other time."""
    return Now() + timedelta(seconds=seconds)


def is_free(*, now: datetime | Combinable | None = None) -> Q:
    """Match rows that nobody holds."""
    moment: Any = Now() if now is None else now
    return Q(lease_until__isnull=True) | Q(lease_until__lte=moment)


def is_due(*, now: datetime | Combinable | None = None) -> Q:
    """Match rows whose time has come and that nobody holds."""
    moment: Any = Now() if now is None else now
    return Q(not_before__lte=moment) & is_free(now=moment)


def is_unannounced(*, now: datetime | Combinable | None = None) -> Q:
    """Match rows for which no message is believed to be on its way."""
    moment: Any = Now() if now is None else now
    return Q(nudged_until__isnull=True) | Q(nudged_until__lte=moment)


def is_announced(*, now: datetime | Combinable | None = None) -> Q:
    """Match rows for which a message is believed to be on its way."""
    moment: Any = Now() if now is None else now
    return Q(nudged_until__gt=moment)
