"""Look for due rows, mark them, and publish one message each that carries a primary key and nothing else."""

import logging
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection, transaction

from background.due import from_now, is_announced, is_due, is_free, is_unannounced
from background.runner import Job, jobs

logger = logging.getLogger(__name__)

NUDGE_LIMIT = 50


class _Broker:
    """Publishes nudges, and says once that the broker is away and once that it is back."""

    def __init__(self) -> None:
        self.is_away = False

    def publish(self, *, task: str, pk: Any) -> bool:
        """Publish one message, without retries: the row itself is the retry."""
        try:
            current_app.send_task(task, args=[pk if isinstance(pk, int) else str(pk)], retry=False)
        except Exception as error:
            # Each transport raises errors of its own; none of them may stop the dispatcher.
            if not self.is_away:
                logger.warning("The broker takes no messages: %s", type(error).__name__)
            self.is_away = True
            return False
        if self.is_away:
            logger.info("The broker takes messages again.")
        self.is_away = False
        return True


_broker = _Broker()


def nudge_due(*, now: datetime | None = None, limit: int = NUDGE_LIMIT) -> int:
    """Publish a message for due rows, at most `limit` on their way for each job; return how many.

    A message that cannot be published is published again when its row's nudge has run out.
    """
    published = 0
    for job in jobs():
        for pk in _mark(job=job, now=now, limit=limit):
            if not _broker.publish(task=job.name, pk=pk):
                return published
            published += 1
    return published


def _mark(*, job: Job, now: datetime | None, limit: int) -> list[Any]:
    rows = job.model._base_manager.filter(is_due(now=now))
    silent = rows.filter(is_unannounced(now=now))
    if not silent.exists():
        return []
    # Rows that wait behind busy workers are not announced anew on top of one another.
    room = limit - rows.filter(is_announced(now=now)).count()
    if room <= 0:
        return []
    seconds = settings.NUDGE_SECONDS
    until = from_now(seconds=seconds) if now is None else now + timedelta(seconds=seconds)
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        locked = silent.order_by("not_before").select_for_update(skip_locked=skip)
        chosen = list(locked.values_list("pk", flat=True)[:room])
        job.model._base_manager.filter(pk__in=chosen).update(nudged_until=until)
    return chosen


def forget_nudges() -> None:
    """Let waiting rows be announced at once: for a process whose queue died with its predecessor."""
    for job in jobs():
        waiting = job.model._base_manager.filter(is_free(), not_before__isnull=False)
        waiting.filter(nudged_until__isnull=False).update(nudged_until=None)


def has_due_rows() -> bool:
    """Tell whether any row is due that nobody holds."""
    return any(job.model._base_manager.filter(is_due()).exists() for job in jobs())
