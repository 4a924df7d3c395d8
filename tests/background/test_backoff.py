"""When to try again."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from background.backoff import CAP, LONGEST_RETRY_AFTER, next_attempt

NOW = datetime(2026, 3, 4, tzinfo=UTC)


class Latest:
    """Chance that always waits as long as it may."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize(
    ("attempt", "seconds"),
    [(0, 10), (1, 10), (2, 20), (3, 40), (8, 1280), (9, 1800), (12, 1800), (5000, 1800)],
)
def test_the_wait_doubles_up_to_the_cap(attempt: int, seconds: int) -> None:
    assert next_attempt(now=NOW, attempt=attempt, rng=Latest()) == NOW + timedelta(seconds=seconds)


def test_the_jitter_covers_the_whole_wait_and_nothing_beyond() -> None:
    rng = random.Random(7)
    base = timedelta(seconds=settings.RETRY_BASE_SECONDS)
    waits = [next_attempt(now=NOW, attempt=5, rng=rng) - NOW for _ in range(500)]
    assert min(waits) >= timedelta(0)
    assert max(waits) <= base * 16
    assert min(waits) < base * 2 < base * 14 < max(waits)


def test_the_other_side_may_ask_for_a_longer_wait() -> None:
    hour = timedelta(hours=1)
    assert next_attempt(now=NOW, attempt=1, retry_after=hour) == NOW + hour


def test_a_short_retry_after_does_not_shorten_the_backoff() -> None:
    late = next_attempt(now=NOW, attempt=20, retry_after=timedelta(seconds=1), rng=Latest())
    assert late == NOW + CAP


def test_an_absurd_retry_after_is_cut_to_a_day() -> None:
    late = next_attempt(now=NOW, attempt=1, retry_after=timedelta(days=3650))
    assert late == NOW + LONGEST_RETRY_AFTER
