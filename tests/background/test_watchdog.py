"""The watchdog and heartbeats: a process is alive if it makes progress."""

import logging
from unittest import mock

import pytest
from celery import Celery
from django.db import DatabaseError

from background.heartbeat import EVERY_SECONDS, Pulse, latest_heartbeat
from background.leases import acquire, holding
from background.models import Heartbeat
from background.runner import Job
from background.scheduler import DispatchScheduler
from background.watchdog import Watchdog
from tests.background.rows import Work
from tests.background.service import due, work_on
from tests.databases import reads_fail

pytestmark = pytest.mark.usefixtures("only_job")


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> Watchdog:
    return Watchdog(has_free_slot=lambda: True, clock=clock)


def test_due_rows_and_a_free_slot_without_progress_mean_a_restart(watchdog: Watchdog, clock: Clock) -> None:
    due()
    watchdog.is_stalled()
    assert not watchdog.is_stalled()
    clock.now += watchdog.stall_seconds - 1
    assert not watchdog.is_stalled()
    clock.now += 1
    assert watchdog.is_stalled()


def test_a_worker_without_work_is_left_alone(watchdog: Watchdog, clock: Clock) -> None:
    work_on(due().pk)
    for _ in range(3):
        assert not watchdog.is_stalled()
        clock.now += watchdog.stall_seconds


def test_a_worker_whose_threads_are_all_busy_is_left_alone(clock: Clock) -> None:
    due()
    watchdog = Watchdog(has_free_slot=lambda: False, clock=clock)
    for _ in range(3):
        assert not watchdog.is_stalled()
        clock.now += watchdog.stall_seconds


def test_a_worker_that_acquires_rows_is_left_alone(watchdog: Watchdog, clock: Clock) -> None:
    due()
    for _ in range(4):
        assert acquire(model=Work, pk=due().pk) is not None
        assert not watchdog.is_stalled()
        clock.now += watchdog.stall_seconds


def test_a_worker_that_leases_a_row_for_long_is_left_alone_until_it_ends(
    watchdog: Watchdog, clock: Clock
) -> None:
    lease = acquire(model=Work, pk=due().pk)
    assert lease is not None
    due()
    with holding(lease=lease, deadline_seconds=3600):
        for _ in range(4):
            assert not watchdog.is_stalled()
            clock.now += watchdog.stall_seconds
    assert not watchdog.is_stalled()
    clock.now += watchdog.stall_seconds
    assert watchdog.is_stalled()


def test_time_without_a_database_does_not_count(watchdog: Watchdog, clock: Clock) -> None:
    due()
    watchdog.is_stalled()
    watchdog.is_stalled()
    clock.now += watchdog.stall_seconds
    with reads_fail(Work, DatabaseError()), pytest.raises(DatabaseError):
        watchdog.is_stalled()
    assert not watchdog.is_stalled()


def test_a_heartbeat_is_one_row_for_each_process_and_written_four_times_a_minute() -> None:
    pulse = Pulse(name=Heartbeat.Name.WORKER)
    pulse.beat()
    first = latest_heartbeat(name="worker")
    pulse.beat()
    assert latest_heartbeat(name="worker").seen_at == first.seen_at
    later = mock.patch("time.monotonic", return_value=10**9 + EVERY_SECONDS)
    with later:
        work_on(due().pk)
        pulse.beat()
    latest = latest_heartbeat(name="worker")
    assert (latest.pk, Heartbeat.objects.count()) == (first.pk, 1)
    assert latest.acquired_at is not None
    assert latest_heartbeat(name="beat") is None


def test_each_tick_dispatches_and_beats(broker: Celery) -> None:
    row = due()
    interval = DispatchScheduler(app=broker).tick()
    row.refresh_from_db()
    assert interval == 1
    assert row.nudged_until is not None
    assert latest_heartbeat(name="beat") is not None


def test_a_tick_survives_any_error_and_logs_it_once(
    broker: Celery, only_job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = DispatchScheduler(app=broker)
    row = due()
    with reads_fail(Work, DatabaseError()), caplog.at_level(logging.INFO, logger="background.scheduler"):
        assert [scheduler.tick(), scheduler.tick()] == [5, 5]
    assert len([line for line in caplog.records if line.name == "background.scheduler"]) == 1
    assert scheduler.tick() == 1
    row.refresh_from_db()
    assert row.nudged_until is not None
