"""The runner of all leased work. A job is declared; its work returns an outcome.

The runner acquires the row, renews its lease, and handles a lost lease, a passed deadline and too many tries
as the job declares. It writes the outcome in one transaction together with its effect. A bug in a job writes
nothing: its lease expires, which counts as a try.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from celery import shared_task
from django.db import connection, transaction
from django.db.models import F, Model, OrderBy

from background.backoff import Backoff
from background.concurrency import half_of_threads
from background.due import from_now, is_due, is_free, just_due
from background.leases import DeadlineExceeded, Hold, LeaseLost, acquire, finish, holding, release
from background.models import LeasedRow

logger = logging.getLogger(__name__)

# With the backoff these take about an hour, longer than a restart or a short outage.
TRIES = 12
# The order in which rows have become due.
OLDEST_FIRST = F("not_before").asc()
# Urgent rows that are worked on before an ordinary one, so that a failing mail server ends no other work.
URGENT_AT_ONCE = 20
# Runs in the final transaction before the row is saved; what it returns is saved with the row.
Effect = Callable[[], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Done:
    """The work is complete, for good or until `again_in`; `at_once` works on the row again in this call."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    effect: Effect | None = None
    again_in: timedelta | None = None
    at_once: bool = False


@dataclass(frozen=True)
class Later:
    """Try again after `wait`. A backoff keeps the time of the first try, a fixed wait does not.

    With `counts` this was a try; when the job has no tries left, its `exhausted` decides.
    """

    wait: timedelta | Backoff
    counts: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    effect: Effect | None = None


Outcome = Done | Later
NOW = timedelta(0)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work on the rows of `model`; `name` is also the name of the Celery task.

    ``work(row, hold)`` is called outside of transactions and may raise LeaseLost and DeadlineExceeded.
    """

    name: str
    model: type[LeasedRow]
    work: Callable[[Any, Hold], Outcome]
    deadline: timedelta
    # None: it is tried forever.
    tries: int | None = TRIES
    # Relations that are read together with the row.
    related: tuple[str, ...] = ()
    # False if the row's state no longer needs this work: it is no longer due, and stays as it is.
    applies: Callable[[Any], bool] = lambda row: True
    # Deals with what a dead worker left, before the tries are counted; None: go on with the work.
    recover: Callable[[Any, Hold], Outcome | None] = lambda row, hold: None
    # Called after the last try, with its outcome, or None if its worker died or its deadline passed.
    exhausted: Callable[[Any, Hold, Later | None], Outcome] = lambda row, hold, last: Done()
    # Called when the deadline has passed; what the work saved before that stays.
    overtime: Callable[[Any, Hold], Outcome] = lambda row, hold: Later(NOW, counts=True)
    # Called in the final transaction, and may lock rows; False: the row is no longer due, and stays as it is.
    guard: Callable[[Any], bool] = lambda row: True
    # Errors that mean that somebody decided otherwise: the row is no longer due, and stays as it is.
    gone: tuple[type[Exception], ...] = ()
    # Lookup from a row to the service it may wait for; `wake` makes it due when the service resumes.
    waits_for: str | None = None
    # A person waits for it: each thread works on what is due of it before it begins anything else.
    is_urgent: bool = False
    # Which of the due rows comes first, whatever the order of their messages.
    order: OrderBy = OLDEST_FIRST
    # May take only half of a worker's threads, so that one is always free for what people wait for.
    is_limited: bool = False
    # The task calls this with `pk` instead of `run`, for rows that share something costly.
    entry: Callable[..., object] | None = None


_declared: dict[str, Job] = {}


def register(*declared: Job) -> None:
    """Register jobs, so that their due rows are worked on; raises ValueError if a name is taken."""
    for job in declared:
        if _declared.setdefault(job.name, job) != job:
            raise ValueError(f"The job {job.name!r} is registered twice with different declarations.")
        shared_task(name=job.name, ignore_result=True)(_task(job))


def jobs() -> tuple[Job, ...]:
    """Return every registered job, in the order of registration."""
    return tuple(_declared.values())


@contextmanager
def only(*chosen: Job) -> Iterator[None]:
    """Have no other registered jobs within the block; only tests need this."""
    before = dict(_declared)
    _declared.clear()
    _declared.update({job.name: job for job in chosen})
    try:
        yield
    finally:
        _declared.clear()
        _declared.update(before)


def wake(service: Model) -> None:
    """Make every row due that waits for this service, in the same order as before.

    Rows keep their count of attempts. Rows that are leased, or locked by another transaction, are skipped.
    """
    skip = connection.features.has_select_for_update_skip_locked
    for job in jobs():
        if job.waits_for is None:
            continue
        rows = job.model._base_manager.filter(is_free(), not_before__gt=from_now())
        with transaction.atomic():
            # Whoever locked one of them may be waiting for the service's row, which the caller has locked.
            free = rows.filter(**{job.waits_for: service.pk}).select_for_update(
                skip_locked=skip, of=("self",)
            )
            chosen = job.model._base_manager.filter(pk__in=free.values("pk"))
            chosen.update(not_before=just_due(), nudged_until=None)


def _task(job: Job) -> Callable[[Any], None]:
    def work(pk: Any) -> None:
        (job.entry or partial(run, job))(pk=pk)

    def work_in_turn(pk: Any) -> None:
        _work_on_urgent()
        if job.order == OLDEST_FIRST or not _work_on_first(job, instead_of=pk):
            work(pk)

    def work_limited(pk: Any) -> None:
        half_of_threads.run(work_in_turn, pk)

    if job.is_urgent:
        return work
    return work_limited if job.is_limited else work_in_turn


def _work_on_urgent() -> None:
    """Work on what people wait for: its messages may be queued behind those of a backlog."""
    for job in jobs():
        if not job.is_urgent:
            continue
        rows = job.model._base_manager.filter(is_due()).order_by(job.order)
        for pk in list(rows.values_list("pk", flat=True)[:URGENT_AT_ONCE]):
            try:
                run(job, pk=pk)
            except Exception:
                # The row's lease expires, which counts the attempt; the work that was called for goes on.
                logger.exception("%s failed for row %s.", job.name, pk)


def _work_on_first(job: Job, *, instead_of: Any) -> bool:
    """Work on the row whose turn it is; False if that is the announced one, or another worker took it."""
    rows = job.model._base_manager
    first = rows.filter(is_due()).order_by(job.order).values_list("pk", flat=True).first()
    if first in (None, instead_of) or run(job, pk=first) is None:
        return False
    # Its message is used up, so it is announced again.
    rows.filter(is_due(), pk=instead_of).update(nudged_until=None)
    return True


def run(job: Job, *, pk: Any) -> Outcome | None:
    """Work on one row now; return the outcome, or None if it is not due or another worker leases it."""
    while isinstance(outcome := _work_once(job, pk), Done) and outcome.at_once:
        pass
    return outcome


def _work_once(job: Job, pk: Any) -> Outcome | None:
    lease = acquire(model=job.model, pk=pk)
    if lease is None:
        return None
    rows = job.model._base_manager.all()
    # select_related without names would follow every foreign key.
    row = (rows.select_related(*job.related) if job.related else rows).get(pk=pk)
    try:
        with holding(lease=lease, deadline_seconds=job.deadline.total_seconds()) as hold:
            try:
                outcome = _decide(job, row, hold)
                _save(job, row, hold, outcome)
            except job.gone:
                outcome = Done()
                finish(lease=lease)
            return outcome
    except LeaseLost:
        logger.info("The lease of %s was lost; another worker goes on.", lease)
        return None


def _decide(job: Job, row: Any, hold: Hold) -> Outcome:
    if not job.applies(row):
        return Done()
    outcome = job.recover(row, hold)
    if outcome is not None:
        return outcome
    if job.tries is not None and hold.attempt > job.tries:
        return job.exhausted(row, hold, None)
    last: Later | None = None
    try:
        outcome = job.work(row, hold)
        if isinstance(outcome, Later):
            last = outcome
    except DeadlineExceeded:
        # Without a reason of its own, as after a worker that died.
        outcome = job.overtime(row, hold)
    if isinstance(outcome, Later) and outcome.counts and job.tries is not None and hold.attempt >= job.tries:
        return job.exhausted(row, hold, last)
    return outcome


def _save(job: Job, row: Any, hold: Hold, outcome: Outcome) -> None:
    with transaction.atomic():
        if not job.guard(row):
            finish(lease=hold.lease)
            return
        changes = dict(outcome.changes)
        if outcome.effect is not None:
            changes |= outcome.effect() or {}
        if isinstance(outcome, Done):
            if outcome.again_in is not None:
                changes.setdefault("not_before", from_now(seconds=outcome.again_in.total_seconds()))
            finish(lease=hold.lease, **changes)
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
