"""Backoff: the waits grow, have jitter and respect Retry-After."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from django.conf import settings

# The longest wait: after an outage everything is tried again within half an hour.
CAP = timedelta(minutes=30)
# A server may ask us to wait, but not forever.
LONGEST_RETRY_AFTER = timedelta(days=1)


class Uniform(Protocol):
    """A source of random numbers."""

    def uniform(self, a: float, b: float) -> float: ...


@dataclass(frozen=True)
class Backoff:
    """Waits ten seconds after the first failure, then as long as the row has been tried for, up to `cap`.

    It depends on time and not on a count, so that waits also grow for tries that do not count.
    `retry_after` is respected up to a day. Give `tried_for` if trying did not begin with the row's first try.
    """

    retry_after: timedelta | None = None
    cap: timedelta = CAP
    tried_for: timedelta | None = None

    def draw(self, *, tried_for: timedelta, rng: Uniform = random) -> timedelta:
        """Return how long to wait: a random time between half of the above and all of it."""
        base = timedelta(seconds=settings.RETRY_BASE_SECONDS)
        since = tried_for if self.tried_for is None else self.tried_for
        # Jitter, so that rows that failed together are not tried again together.
        wait = min(max(since, base), max(self.cap, base)) * rng.uniform(0.5, 1)
        return wait if self.retry_after is None else max(wait, min(self.retry_after, LONGEST_RETRY_AFTER))
