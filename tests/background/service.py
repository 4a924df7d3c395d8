"""Work on rows of the test model: acquire, work, finish together with the effect."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from background.leases import Lease, acquire, finish
from background.runner import TRIES
from tests.background.rows import Work

PAST = timedelta(minutes=5)


def due(**fields: Any) -> Work:
    """Create a row that has been due for a while."""
    return Work.objects.create(not_before=timezone.now() - PAST, **fields)


def let_lease_end(row: Work) -> None:
    """Make the row's lease end in the past, as if its worker had been suspended."""
    Work.objects.filter(pk=row.pk).update(lease_until=timezone.now() - PAST)


def let_nudges_end() -> None:
    """Make every nudge run out."""
    Work.objects.exclude(nudged_until=None).update(nudged_until=timezone.now() - PAST)


def complete(lease: Lease) -> None:
    """Write the effect and finish, in one transaction."""
    with transaction.atomic():
        Work.objects.filter(pk=lease.pk).update(effect_count=F("effect_count") + 1)
        finish(lease=lease, state="done")


def work_on(pk: int) -> bool:
    """Work on a row once; True if this call did it."""
    lease = acquire(model=Work, pk=pk)
    if lease is None:
        return False
    if lease.attempt > TRIES:
        finish(lease=lease, state="failed")
        return False
    complete(lease)
    return True


def in_parallel(count: int, call: Callable[[], Any]) -> list[Any]:
    """Call in `count` threads that start together, each with its own connection; return the results."""
    barrier, answers = threading.Barrier(count), []

    def run() -> None:
        try:
            barrier.wait(timeout=30)
            answers.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(answers) == count, "a thread failed"
    return answers
