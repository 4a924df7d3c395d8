"""The backoff: how long rows wait before the next try."""

import random
from datetime import timedelta

import pytest
from django.conf import settings

from background.backoff import CAP, LONGEST_RETRY_AFTER, Backoff

HOUR = timedelta(hours=1)


class Latest:
    """A source of random numbers that always gives the largest."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize(
    ("tried", "seconds"),
    [(0, 10), (7, 10), (10, 10), (20, 20), (600, 600), (1799, 1799), (1800, 1800), (10**8, 1800)],
)
def test_the_wait_equals_the_time_of_trying_up_to_the_cap(tried: int, seconds: int) -> None:
    wait = Backoff().draw(tried_for=timedelta(seconds=tried), rng=Latest())
    assert wait == timedelta(seconds=seconds)


def test_the_jitter_covers_half_of_the_wait_and_nothing_beyond() -> None:
    rng = random.Random(7)
    waits = [Backoff().draw(tried_for=timedelta(seconds=160), rng=rng).total_seconds() for _ in range(500)]
    assert 80 <= min(waits) < 90
    assert 150 < max(waits) <= 160


def test_a_job_may_have_its_own_cap_and_start() -> None:
    assert Backoff(cap=HOUR).draw(tried_for=timedelta(days=3), rng=Latest()) == HOUR
    begun = Backoff(tried_for=timedelta(minutes=5))
    assert begun.draw(tried_for=timedelta(), rng=Latest()) == timedelta(minutes=5)
    # A cap below the first wait would mean no wait at all.
    first = timedelta(seconds=settings.RETRY_BASE_SECONDS)
    assert Backoff(cap=timedelta()).draw(tried_for=HOUR, rng=Latest()) == first


def test_the_other_side_may_ask_for_a_longer_wait() -> None:
    assert Backoff(retry_after=HOUR).draw(tried_for=timedelta()) == HOUR


def test_a_short_retry_after_does_not_shorten_the_backoff() -> None:
    wait = Backoff(retry_after=timedelta(seconds=1)).draw(tried_for=timedelta(days=1), rng=Latest())
    assert wait == CAP


def test_an_absurd_retry_after_is_cut_to_a_day() -> None:
    wait = Backoff(retry_after=timedelta(days=3650)).draw(tried_for=timedelta())
    assert wait == LONGEST_RETRY_AFTER
