"""Which failures of an idempotent call are tried again at once, and how long a server asks to wait."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Only these: anything else is either definite or better left to whoever schedules the next attempt.
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
MAX_RETRIES = 2
# A caller waits this long inside a call; for anything longer it is told when to come back.
LONGEST_WAIT_SECONDS = 5.0


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> timedelta | None:
    """Read `Retry-After` in seconds or as a date (RFC 9110); None when it is absent or nonsense."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    until = moment(value)
    return None if until is None else max(timedelta(), until - (now or datetime.now(UTC)))


def moment(text: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110), in UTC where it names no zone; None when it is absent or nonsense."""
    try:
        read = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def wait_seconds(*, retry: int, asked: timedelta | None) -> float | None:
    """Return the pause before retry number `retry` (from 0), or None when it would be too long."""
    if retry >= MAX_RETRIES:
        return None
    pause = random.uniform(0.1, 0.3) * 3**retry  # noqa: S311
    if asked is not None:
        pause = max(pause, asked.total_seconds())
    return pause if pause <= LONGEST_WAIT_SECONDS else None
