"""The concurrency limit: limited jobs never take the last thread, and queued rows occupy none."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from background.concurrency import ConcurrencyLimit


class Slow:
    """Work that lasts until it may end; remembers every row that was started."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.may_end = threading.Event()
        self._changed = threading.Condition()

    def __call__(self, pk: int) -> None:
        with self._changed:
            self.started.append(pk)
            self._changed.notify_all()
        assert self.may_end.wait(timeout=30)
        connection.close()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.started) >= count, timeout=30)


Start = Callable[[int], threading.Thread]


@pytest.fixture
def limit() -> ConcurrencyLimit:
    return ConcurrencyLimit()


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def start(limit: ConcurrencyLimit, slow: Slow) -> Start:
    """Work on a row in a new thread."""

    def start_thread(pk: int) -> threading.Thread:
        thread = threading.Thread(target=limit.run, args=(slow, pk))
        thread.start()
        return thread

    return start_thread


@pytest.mark.parametrize(("threads", "allowed"), [(1, 1), (2, 1), (3, 1), (4, 2), (9, 4)])
def test_limited_jobs_get_half_of_the_threads_and_the_others_return_at_once(
    limit: ConcurrencyLimit, slow: Slow, start: Start, threads: int, allowed: int
) -> None:
    limit.open(threads=threads)
    inside = [start(pk) for pk in range(allowed)]
    slow.wait_for(allowed)
    # The limit is reached: these calls return at once, before the work is done.
    for pk in range(allowed, allowed + 5):
        limit.run(slow, pk)
    assert len(slow.started) == allowed
    slow.may_end.set()
    for thread in inside:
        thread.join(timeout=30)
    assert sorted(slow.started) == list(range(allowed + 5))


def test_a_row_that_is_announced_again_while_it_is_queued_is_worked_on_once(
    limit: ConcurrencyLimit, slow: Slow, start: Start
) -> None:
    limit.open(threads=2)
    first = start(1)
    slow.wait_for(1)
    for _ in range(3):
        limit.run(slow, 2)
    slow.may_end.set()
    first.join(timeout=30)
    assert slow.started == [1, 2]
    limit.run(slow, 2)
    assert slow.started == [1, 2, 2]


def test_the_queue_goes_on_after_work_that_fails(
    limit: ConcurrencyLimit, slow: Slow, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(pk: int) -> None:
        raise RuntimeError("no such file")

    limit.open(threads=2)
    first = start(1)
    slow.wait_for(1)
    limit.run(fail, 2)
    limit.run(slow, 3)
    slow.may_end.set()
    first.join(timeout=30)
    assert slow.started == [1, 3]
    assert "Row 2 failed." in caplog.text
    # Work that was not queued fails where it was called, and frees its thread all the same.
    with pytest.raises(RuntimeError):
        limit.run(fail, 4)
    limit.run(slow, 5)
    assert slow.started == [1, 3, 5]


def test_a_worker_that_stops_starts_nothing_that_is_queued(
    limit: ConcurrencyLimit, slow: Slow, start: Start
) -> None:
    limit.open(threads=2)
    first = start(1)
    slow.wait_for(1)
    limit.run(slow, 2)
    limit.close()
    slow.may_end.set()
    first.join(timeout=30)
    limit.run(slow, 3)
    assert slow.started == [1]


def test_outside_of_a_worker_nothing_is_queued(limit: ConcurrencyLimit, slow: Slow) -> None:
    slow.may_end.set()
    for pk in range(3):
        limit.run(slow, pk)
    assert slow.started == [0, 1, 2]
