"""The one way in which leased work is done: a job is declared, its work returns what came of it.

The runner acquires the row, keeps its lease, and turns a lost lease, a passed deadline and too many tries
into what they mean for the job. What the work returns is written in one transaction together with its effect.
A bug in a job writes nothing: its lease lapses, and counts as a try.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from celery import shared_task
from django.db import connection, transaction
from django.db.models import F, Model

from background.backoff import Backoff
from background.concurrency import limited
from background.due import from_now, is_free, just_due
from background.leases import DeadlineExceeded, Hold, LeaseLost, acquire, finish, holding, release
from background.models import LeasedRow

logger = logging.getLogger(__name__)

TRIES = 12
# Runs inside the final transaction, before the row is written; what it returns is written with the row.
Effect = Callable[[], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Done:
    """The work is complete, for good or until `again_in`; `at_once` looks at the row again in this call."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    effect: Effect | None = None
    again_in: timedelta | None = None
    at_once: bool = False


@dataclass(frozen=True)
class Later:
    """Try again after `wait`: a fixed time is as if nothing was tried, a backoff remembers the first try.

    `counts` says that this was a try; when the job has no more of them, its `exhausted` decides.
    """

    wait: timedelta | Backoff
    counts: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    effect: Effect | None = None


Outcome = Done | Later
NOW = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Rows of `model` are worked on by `work`; `name` is the name of the Celery task as well.

    ``work(row, hold)`` is called outside of transactions and may raise LeaseLost and DeadlineExceeded.
    """

    name: str
    model: type[LeasedRow]
    work: Callable[[Any, Hold], Outcome]
    deadline: timedelta
    # None: it never ends.
    tries: int | None = TRIES
    # Read along with the row.
    related: tuple[str, ...] = ()
    # Whether the row still is in a state for this work; otherwise it is given up as it is.
    applies: Callable[[Any], bool] = lambda row: True
    # What an earlier worker left behind, looked at before the tries are counted; None goes on.
    recover: Callable[[Any, Hold], Outcome | None] = lambda row, hold: None
    # After the last try: with what it ended in, or with None when no worker lived to say.
    exhausted: Callable[[Any, Hold, Later | None], Outcome] = lambda row, hold, last: Done()
    # When the deadline passed; what is written so far stays.
    overtime: Callable[[Any, Hold], Outcome] = lambda row, hold: Later(NOW, counts=True)
    # Asked in the final transaction, which may lock what it reads; False gives the row up as it is.
    guard: Callable[[Any], bool] = lambda row: True
    # Somebody decided otherwise meanwhile: the row is given up as it is.
    gone: tuple[type[Exception], ...] = ()
    # Lookup from a row to the service that it may wait for; `wake` makes it due when that goes on.
    waits_for: str | None = None
    # May take half of a worker's threads only, so that what people wait for always finds another one.
    is_limited: bool = False
    # What the task calls with `pk`, for rows that share something costly and are done in one go by `run`.
    entry: Callable[..., object] | None = None


_declared: dict[str, Job] = {}


def register(*declared: Job) -> None:
    """Have due rows of the jobs worked on; raises ValueError when a name stands for another job."""
    for job in declared:
        if _declared.setdefault(job.name, job) != job:
            raise ValueError(f"The job {job.name!r} is registered twice, for different work.")
        shared_task(name=job.name, ignore_result=True)(_task(job))


def jobs() -> tuple[Job, ...]:
    """Return every registered job, in the order of registration."""
    return tuple(_declared.values())


def wake(service: Model) -> None:
    """Make every row due that waits for this service; which of them comes first stays as it was.

    Attempts keep their count, and a row that a worker holds, or somebody changes, is left alone.
    """
    skip = connection.features.has_select_for_update_skip_locked
    for job in jobs():
        if job.waits_for is None:
            continue
        rows = job.model._base_manager.filter(is_free(), not_before__gt=from_now())
        with transaction.atomic():
            # Whoever holds one of them may wait for the row of the service, which the caller holds.
            free = rows.filter(**{job.waits_for: service.pk}).select_for_update(
                skip_locked=skip, of=("self",)
            )
            chosen = job.model._base_manager.filter(pk__in=free.values("pk"))
            chosen.update(not_before=just_due(), nudged_until=None)


def _task(job: Job) -> Callable[[Any], None]:
    def work(pk: Any) -> None:
        (job.entry or partial(run, job))(pk=pk)

    return limited(work) if job.is_limited else work


def run(job: Job, *, pk: Any) -> Outcome | None:
    """Work on one row now; return what came of it, or None when it is not due or another worker holds it."""
    while isinstance(outcome := _attempt(job, pk), Done) and outcome.at_once:
        pass
    return outcome


def _attempt(job: Job, pk: Any) -> Outcome | None:
    lease = acquire(model=job.model, pk=pk)
    if lease is None:
        return None
    rows = job.model._base_manager.all()
    # Without names it would follow every key.
    row = (rows.select_related(*job.related) if job.related else rows).get(pk=pk)
    try:
        with holding(lease=lease, deadline_seconds=job.deadline.total_seconds()) as hold:
            try:
                outcome = _decide(job, row, hold)
                _write(job, row, hold, outcome)
            except job.gone:
                outcome = Done()
                finish(lease=lease)
            return outcome
    except LeaseLost:
        logger.info("Another worker goes on with %s.", lease)
        return None


def _decide(job: Job, row: Any, hold: Hold) -> Outcome:
    if not job.applies(row):
        return Done()
    outcome = job.recover(row, hold)
    if outcome is not None:
        return outcome
    if job.tries is not None and hold.attempt > job.tries:
        return job.exhausted(row, hold, None)
    try:
        outcome = job.work(row, hold)
    except DeadlineExceeded:
        outcome = job.overtime(row, hold)
    if isinstance(outcome, Later) and outcome.counts and job.tries is not None and hold.attempt >= job.tries:
        return job.exhausted(row, hold, outcome)
    return outcome


def _write(job: Job, row: Any, hold: Hold, outcome: Outcome) -> None:
    with transaction.atomic():
        if not job.guard(row):
            finish(lease=hold.lease)
            return
        changes = dict(outcome.changes)
        if outcome.effect is not None:
            changes |= outcome.effect() or {}
        if isinstance(outcome, Done):
            again = None if outcome.again_in is None else from_now(seconds=outcome.again_in.total_seconds())
            start = {"not_before": again, "attempt_count": 0, "first_tried_at": None}
            finish(lease=hold.lease, **(start | changes))
            return
        wait = outcome.wait
        if isinstance(wait, Backoff):
            wait = wait.draw(tried_for=hold.tried_for)
            changes.setdefault("first_tried_at", F("first_tried_at"))
        release(
            lease=hold.lease,
            not_before=from_now(seconds=wait.total_seconds()),
            count_attempt=outcome.counts,
            **changes,
        )
