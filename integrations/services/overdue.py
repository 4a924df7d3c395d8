"""The times after which the next poll of a service is overdue."""

from datetime import timedelta

from django.conf import settings

# A single missed poll is no problem: a worker may have been restarted.
POLLS_MISSED = 3
FULL_POLLS_MISSED = 2


def overdue_after() -> timedelta:
    """Return how long after the last poll the next one is overdue."""
    return timedelta(minutes=settings.POLL_MINUTES * POLLS_MISSED)


def full_overdue_after() -> timedelta:
    """Return how long after the last full poll the next one is overdue."""
    return timedelta(hours=settings.FULL_POLL_HOURS * FULL_POLLS_MISSED)
