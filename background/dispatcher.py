"""Announce due rows to the workers: one message a row, which carries its primary key and nothing else."""

import logging
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from background.due import from_now, is_due, is_free
from background.runner import Job, jobs

logger = logging.getLogger(__name__)

# Enough to keep the workers busy; what the queue holds would be announced again after a crash.
NUDGE_LIMIT = 50


class _Broker:
    """Publishes messages; logs once that the broker is unavailable, and once that it is back."""

    def __init__(self) -> None:
        self.is_down = False

    def publish(self, *, task: str, pk: Any) -> bool:
        """Publish one message, without retries, since the row is announced again; False without a broker."""
        try:
            current_app.send_task(task, args=[pk if isinstance(pk, int) else str(pk)], retry=False)
        except Exception as error:
            # Each transport raises its own errors, and none of them may stop the dispatcher.
            if not self.is_down:
                logger.warning("The broker accepts no messages: %s", type(error).__name__)
            self.is_down = True
            return False
        if self.is_down:
            logger.info("The broker accepts messages again.")
        self.is_down = False
        return True


_broker = _Broker()


def nudge_due() -> int:
    """Publish a message for each due row, with at most 50 under way for each job; return how many.

    If a message is lost, its row is announced again after NUDGE_SECONDS.
    """
    published = 0
    for job in sorted(jobs(), key=lambda job: not job.is_urgent):
        for pk in _choose(job):
            if not _broker.publish(task=job.name, pk=pk):
                return published
            published += 1
    return published


def _choose(job: Job) -> list[Any]:
    rows = job.model._base_manager.filter(is_due())
    # A message is under way for the others.
    unannounced = rows.filter(Q(nudged_until__isnull=True) | Q(nudged_until__lte=from_now()))
    if not unannounced.exists():
        return []
    # While all workers are busy, messages must not pile up in the queue.
    room = NUDGE_LIMIT - rows.filter(nudged_until__gt=from_now()).count()
    if room <= 0:
        return []
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        locked = unannounced.order_by(job.order).select_for_update(skip_locked=skip)
        chosen = list(locked.values_list("pk", flat=True)[:room])
        job.model._base_manager.filter(pk__in=chosen).update(
            nudged_until=from_now(seconds=settings.NUDGE_SECONDS)
        )
    return chosen


def forget_nudges() -> None:
    """Let due rows be announced again at once, for a process whose queue died with its predecessor."""
    for job in jobs():
        waiting = job.model._base_manager.filter(is_free(), not_before__isnull=False)
        waiting.filter(nudged_until__isnull=False).update(nudged_until=None)


def has_due_rows() -> bool:
    """Return whether any row is due and free."""
    return any(job.model._base_manager.filter(is_due()).exists() for job in jobs())
