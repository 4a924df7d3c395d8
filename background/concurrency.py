"""Limit how many threads slow jobs may take, so that one is always free for what people wait for."""

import logging
import threading
from collections.abc import Callable

from django.db import close_old_connections

logger = logging.getLogger(__name__)

Work = Callable[[int], None]


class ConcurrencyLimit:
    """Runs work on at most `allowed` threads at a time; None: without a limit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._allowed: int | None = None
        self._running = 0
        # A dict is a set that keeps its order: a row that is announced again is queued once.
        self._queued: dict[tuple[Work, int], None] = {}

    def open(self, *, threads: int) -> None:
        """Allow half of a worker's threads, at least one."""
        with self._lock:
            self._allowed = max(1, threads // 2)

    def close(self) -> None:
        """Drop the queue and start nothing more: the dispatcher announces those rows again later."""
        with self._lock:
            self._allowed = 0
            self._queued.clear()

    def run(self, work: Work, pk: int) -> None:
        """Work on a row now, or queue it for a thread that is running already; this one does not wait."""
        with self._lock:
            if self._allowed is not None and self._running >= self._allowed:
                if self._allowed:
                    self._queued.setdefault((work, pk))
                return
            self._running += 1
        try:
            work(pk)
        finally:
            self._run_queued()

    def _run_queued(self) -> None:
        """Work on queued rows until there are none, then free this thread."""
        while (entry := self._next_queued()) is not None:
            work, pk = entry
            # Celery does this between tasks; here several rows share one task.
            close_old_connections()
            try:
                work(pk)
            except Exception:
                # The row's lease expires, which counts the attempt; the other queued rows go on.
                logger.exception("Row %s failed.", pk)

    def _next_queued(self) -> tuple[Work, int] | None:
        with self._lock:
            if not self._queued:
                self._running -= 1
                return None
            entry = next(iter(self._queued))
            del self._queued[entry]
            return entry


half_of_threads = ConcurrencyLimit()
