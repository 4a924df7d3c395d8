"""The rules for retries within an idempotent call, and the reading of `Retry-After`."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Any other failure is definite, or better retried by whoever schedules the next attempt.
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
# Repeating one of these has no further effect.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
# More would hold up the worker; the job that calls retries later.
MAX_RETRIES = 2
# The longest pause within a call; longer waits are left to the caller.
LONGEST_WAIT_SECONDS = 5.0


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> timedelta | None:
    """Read `Retry-After` in seconds or as a date (RFC 9110); None when it is absent or invalid."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    until = moment(value)
    return None if until is None else max(timedelta(), until - (now or datetime.now(UTC)))


def moment(text: str) -> datetime | None:
    """Read an HTTP date (RFC 9110), in UTC where it names no zone; None when it is absent or invalid."""
    try:
        read = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def wait_seconds(*, retry: int, asked: timedelta | None) -> float | None:
    """Return the pause before retry number `retry` (from 0), or None for no further retry."""
    if retry >= MAX_RETRIES:
        return None
    pause = random.uniform(0.1, 0.3) * 3**retry  # noqa: S311
    if asked is not None:
        pause = max(pause, asked.total_seconds())
    return pause if pause <= LONGEST_WAIT_SECONDS else None
