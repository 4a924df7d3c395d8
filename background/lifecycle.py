"""The worker process around its tasks: heartbeat, watchdog, and the release of rows when it stops."""

import gc
import logging
import os
import threading
import time
from typing import Any

from celery import signals
from celery.worker import state
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from background.concurrency import half_of_threads
from background.heartbeat import Pulse
from background.interpreter import end_if_stuck
from background.leases import release_all
from background.models import Heartbeat
from background.watchdog import CHECK_SECONDS, EXIT_STALLED, Watchdog

logger = logging.getLogger(__name__)

# Container engines kill a process ten seconds after asking it to stop.
STOP_GRACE_SECONDS = 8.0
_has_ended = threading.Event()


@signals.worker_init.connect(dispatch_uid="background.open_limit")
def open_limit(sender: Any, **kwargs: Any) -> None:
    """Set the concurrency limit before the first message arrives."""
    half_of_threads.open(threads=sender.concurrency)


@signals.worker_ready.connect(dispatch_uid="background.freeze_loaded_objects")
def freeze_loaded_objects(**kwargs: Any) -> None:
    """Exclude all loaded objects from garbage collection: they stay, and looking at them takes time."""
    gc.collect()
    gc.freeze()


@signals.worker_ready.connect(dispatch_uid="background.watch")
def watch(sender: Any, **kwargs: Any) -> None:
    """Start the heartbeat and the watchdog of the worker whose consumer is `sender`."""
    end_if_stuck()
    worker = sender.controller
    # A pool of processes acquires rows in its children, so this process cannot see their progress.
    has_threads = "thread" in worker.pool_cls.__module__
    if not has_threads:
        logger.warning("The watchdog is off: start the worker with -P threads.")
    _has_ended.clear()
    watchdog = Watchdog(has_free_slot=lambda: len(state.active_requests) < worker.concurrency)
    threading.Thread(
        target=_watch_progress, args=(watchdog if has_threads else None,), name="watchdog", daemon=True
    ).start()


@signals.worker_shutdown.connect(dispatch_uid="background.stop_watching")
def stop_watching(**kwargs: Any) -> None:
    """Stop the heartbeat and the watchdog together with the worker."""
    _has_ended.set()


def _watch_progress(watchdog: Watchdog | None) -> None:
    pulse = Pulse(name=Heartbeat.Name.WORKER)
    while not _has_ended.is_set():
        close_old_connections()
        try:
            pulse.beat()
            is_stalled = watchdog is not None and watchdog.is_stalled()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("The worker cannot reach its database: %s", type(error).__name__)
            is_stalled = False
        if is_stalled:
            logger.critical("Rows are due, but none was acquired: the worker stops, to be restarted.")
            state.should_stop = EXIT_STALLED  # type: ignore[assignment]
            drain(exitcode=EXIT_STALLED)
            return
        _has_ended.wait(CHECK_SECONDS)
    connection.close()


@signals.worker_shutting_down.connect(dispatch_uid="background.drain")
def drain(exitcode: int = 0, **kwargs: Any) -> None:
    """Give running work a few seconds to finish, then release its rows and end the process."""
    half_of_threads.close()
    threading.Thread(target=_end_process, args=(exitcode,), name="drain", daemon=True).start()


def _end_process(exitcode: int) -> None:
    time.sleep(STOP_GRACE_SECONDS)
    try:
        count = release_all()
        logger.warning("Stopped during work; %d rows were released.", count)
    except (DatabaseError, InterfaceError) as error:
        logger.warning(
            "Rows could not be released and wait until their leases expire: %s", type(error).__name__
        )
    finally:
        # Threads cannot be interrupted. Whatever they still try to write is refused: the lease is lost.
        os._exit(exitcode)
