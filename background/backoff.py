"""When to try again: exponential, with full jitter, never before the other side allows it."""

import random
from datetime import datetime, timedelta
from typing import Protocol

from django.conf import settings

CAP = timedelta(minutes=30)
# A peer may ask us to wait; it may not ask us to give up.
LONGEST_RETRY_AFTER = timedelta(days=1)
# Above this the doubling has long passed any cap and would only overflow.
_MAX_DOUBLINGS = 30


class Uniform(Protocol):
    """What is needed of a source of chance."""

    def uniform(self, a: float, b: float) -> float: ...


def next_attempt(
    *,
    now: datetime,
    attempt: int,
    retry_after: timedelta | None = None,
    cap: timedelta = CAP,
    rng: Uniform = random,
) -> datetime:
    """Return when to try again after `attempt` (from 1) failed; `retry_after` is honoured up to a day."""
    doublings = min(max(attempt - 1, 0), _MAX_DOUBLINGS)
    ceiling = min(settings.RETRY_BASE_SECONDS * 2**doublings, cap.total_seconds())
    delay = timedelta(seconds=rng.uniform(0, ceiling))
    if retry_after is not None:
        delay = max(delay, min(retry_after, LONGEST_RETRY_AFTER))
    return now + delay
