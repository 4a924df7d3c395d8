"""When to try again: ever later, with jitter, never before the other side allows it."""

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from django.conf import settings

CAP = timedelta(minutes=30)
# A peer may ask us to wait; it may not ask us to give up.
LONGEST_RETRY_AFTER = timedelta(days=1)


class Uniform(Protocol):
    """What is needed of a source of chance."""

    def uniform(self, a: float, b: float) -> float: ...


@dataclass(frozen=True)
class Backoff:
    """Waits ten seconds after the first failure, then as long as it has been tried for, up to `cap`.

    Time takes the place of a count, so that tries which do not count wait ever longer as well. `retry_after`
    is honoured up to a day; `tried_for` is given where trying began at another time than the row's first try.
    """

    retry_after: timedelta | None = None
    cap: timedelta = CAP
    tried_for: timedelta | None = None

    def draw(self, *, tried_for: timedelta, rng: Uniform = random) -> timedelta:
        """Return how long to wait: between half of the time above and all of it."""
        base = timedelta(seconds=settings.RETRY_BASE_SECONDS)
        since = tried_for if self.tried_for is None else self.tried_for
        # Drawn, so that what failed together does not come back together.
        wait = min(max(since, base), max(self.cap, base)) * rng.uniform(0.5, 1)
        return wait if self.retry_after is None else max(wait, min(self.retry_after, LONGEST_RETRY_AFTER))
