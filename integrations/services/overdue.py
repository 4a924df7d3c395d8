"""How long after the last poll the next one is late."""

from datetime import timedelta

from django.conf import settings

POLLS_MISSED = 3
FULL_PASSES_MISSED = 2


def overdue_after() -> timedelta:
    """Return how long after the last poll the next one is overdue."""
    return timedelta(minutes=settings.POLL_MINUTES * POLLS_MISSED)


def full_overdue_after() -> timedelta:
    """Return how long after the last full pass the next one is overdue."""
    return timedelta(hours=settings.FULL_POLL_HOURS * FULL_PASSES_MISSED)
