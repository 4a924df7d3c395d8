"""Patient work never takes the last thread, and what waits for its turn holds none."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from background.concurrency import ConcurrencyLimit


class Slow:
    """Work that goes on until it is let go; notes every row that was begun."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.let_go = threading.Event()
        self._changed = threading.Condition()

    def __call__(self, pk: int) -> None:
        with self._changed:
            self.begun.append(pk)
            self._changed.notify_all()
        assert self.let_go.wait(timeout=30)
        connection.close()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= count, timeout=30)


Begin = Callable[[int], threading.Thread]


@pytest.fixture
def lane() -> ConcurrencyLimit:
    return ConcurrencyLimit()


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def begin(lane: ConcurrencyLimit, slow: Slow) -> Begin:
    """Work on a row in a thread of its own."""

    def start(pk: int) -> threading.Thread:
        thread = threading.Thread(target=lane.do, args=(slow, pk))
        thread.start()
        return thread

    return start


@pytest.mark.parametrize(("threads", "width"), [(1, 1), (2, 1), (3, 1), (4, 2), (9, 4)])
def test_half_of_the_threads_are_for_patient_work_and_the_rest_are_given_back(
    lane: ConcurrencyLimit, slow: Slow, begin: Begin, threads: int, width: int
) -> None:
    lane.open(threads=threads)
    inside = [begin(pk) for pk in range(width)]
    slow.wait_for(width)
    # The lane is full: these come back at once, although the work has not been done.
    for pk in range(width, width + 5):
        lane.do(slow, pk)
    assert len(slow.begun) == width
    slow.let_go.set()
    for thread in inside:
        thread.join(timeout=30)
    assert sorted(slow.begun) == list(range(width + 5))


def test_a_row_that_is_announced_again_while_it_waits_is_worked_on_once(
    lane: ConcurrencyLimit, slow: Slow, begin: Begin
) -> None:
    lane.open(threads=2)
    first = begin(1)
    slow.wait_for(1)
    for _ in range(3):
        lane.do(slow, 2)
    slow.let_go.set()
    first.join(timeout=30)
    assert slow.begun == [1, 2]
    lane.do(slow, 2)
    assert slow.begun == [1, 2, 2]


def test_work_that_ends_badly_lets_the_others_through(
    lane: ConcurrencyLimit, slow: Slow, begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(pk: int) -> None:
        raise RuntimeError("no such file")

    lane.open(threads=2)
    first = begin(1)
    slow.wait_for(1)
    lane.do(fail, 2)
    lane.do(slow, 3)
    slow.let_go.set()
    first.join(timeout=30)
    assert slow.begun == [1, 3]
    assert "Row 2 was not worked on to its end." in caplog.text
    # What nobody had to wait for fails where it was begun, and leaves the lane all the same.
    with pytest.raises(RuntimeError):
        lane.do(fail, 4)
    lane.do(slow, 5)
    assert slow.begun == [1, 3, 5]


def test_a_worker_that_stops_begins_nothing_that_waits(
    lane: ConcurrencyLimit, slow: Slow, begin: Begin
) -> None:
    lane.open(threads=2)
    first = begin(1)
    slow.wait_for(1)
    lane.do(slow, 2)
    lane.close()
    slow.let_go.set()
    first.join(timeout=30)
    lane.do(slow, 3)
    assert slow.begun == [1]


def test_outside_of_a_worker_nothing_waits(lane: ConcurrencyLimit, slow: Slow) -> None:
    slow.let_go.set()
    for pk in range(3):
        lane.do(slow, pk)
    assert slow.begun == [0, 1, 2]
