"""Patient work has half of a worker's threads: what people wait for always finds another one."""

import functools
import logging
import threading
from collections.abc import Callable

from django.db import close_old_connections

logger = logging.getLogger(__name__)

Work = Callable[[int], None]


class ConcurrencyLimit:
    """Lets at most `width` threads through at a time; None: all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._width: int | None = None
        self._running = 0
        # As a set that keeps the order: a row that is announced again waits once.
        self._waiting: dict[tuple[Work, int], None] = {}

    def open(self, *, threads: int) -> None:
        """Give the lane half of a worker's threads, at least one."""
        with self._lock:
            self._width = max(1, threads // 2)

    def close(self) -> None:
        """Forget what waits and lead no more through: its rows are announced again later."""
        with self._lock:
            self._width = 0
            self._waiting.clear()

    def do(self, work: Work, pk: int) -> None:
        """Do the work of a row here and now, or leave it to the next thread of the lane that is free."""
        with self._lock:
            if self._width is not None and self._running >= self._width:
                if self._width:
                    self._waiting.setdefault((work, pk))
                return
            self._running += 1
        try:
            work(pk)
        finally:
            self._go_on()

    def _go_on(self) -> None:
        """Do what waits meanwhile, then leave the lane."""
        while (turn := self._next_turn()) is not None:
            work, pk = turn
            # Between tasks Celery does this.
            close_old_connections()
            try:
                work(pk)
            except Exception:
                # The row's lease ends by itself, and counts the attempt; the others need not wait for that.
                logger.exception("Row %s was not worked on to its end.", pk)

    def _next_turn(self) -> tuple[Work, int] | None:
        with self._lock:
            if not self._waiting:
                self._running -= 1
                return None
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            return turn


half_of_threads = ConcurrencyLimit()


def limited(work: Work) -> Work:
    """Let a task wait for its turn without holding a thread meanwhile."""

    @functools.wraps(work)
    def wait_for_turn(pk: int) -> None:
        half_of_threads.do(work, pk)

    return wait_for_turn
