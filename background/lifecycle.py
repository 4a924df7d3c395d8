"""What a worker process does besides its tasks: heartbeat, watchdog, and giving rows back when it stops."""

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
from background.leases import release_held
from background.models import Heartbeat
from background.watchdog import CHECK_SECONDS, EXIT_STALLED, Watchdog

logger = logging.getLogger(__name__)

# Shorter than the ten seconds that container engines wait before they kill.
STOP_GRACE_SECONDS = 8.0
_has_ended = threading.Event()


@signals.worker_init.connect(dispatch_uid="background.open_limit")
def open_limit(sender: Any, **kwargs: Any) -> None:
    """Divide the threads of this worker before its first message comes."""
    half_of_threads.open(threads=sender.concurrency)


@signals.worker_ready.connect(dispatch_uid="background.spare_what_is_loaded")
def spare_what_is_loaded(**kwargs: Any) -> None:
    """Keep what is loaded out of the collector's rounds: it never becomes garbage, and looking takes time."""
    gc.collect()
    gc.freeze()


@signals.worker_ready.connect(dispatch_uid="background.watch")
def watch(sender: Any, **kwargs: Any) -> None:
    """Start the thread that keeps heartbeat and watchdog of the worker whose consumer is `sender`."""
    worker = sender.controller
    # With processes the rows are acquired in children, so this one cannot judge their progress.
    has_threads = "thread" in worker.pool_cls.__module__
    if not has_threads:
        logger.warning("No progress watchdog: start the worker with -P threads.")
    _has_ended.clear()
    watchdog = Watchdog(has_free_slot=lambda: len(state.active_requests) < worker.concurrency)
    threading.Thread(
        target=_keep, args=(watchdog if has_threads else None,), name="keeper", daemon=True
    ).start()


@signals.worker_shutdown.connect(dispatch_uid="background.leave")
def leave(**kwargs: Any) -> None:
    """End the keeper together with its worker."""
    _has_ended.set()


def _keep(watchdog: Watchdog | None) -> None:
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
            logger.critical("Rows are due and nothing was acquired: the worker stops to be started again.")
            state.should_stop = EXIT_STALLED  # type: ignore[assignment]
            drain(exitcode=EXIT_STALLED)
            return
        _has_ended.wait(CHECK_SECONDS)
    connection.close()


@signals.worker_shutting_down.connect(dispatch_uid="background.drain")
def drain(exitcode: int = 0, **kwargs: Any) -> None:
    """Let running work finish for a while; then give its rows back and end the process."""
    half_of_threads.close()
    threading.Thread(target=_end_process, args=(exitcode,), name="drain", daemon=True).start()


def _end_process(exitcode: int) -> None:
    time.sleep(STOP_GRACE_SECONDS)
    try:
        count = release_held()
        logger.warning("Stopped with work under way; %d rows were given back.", count)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("Rows in work wait for the end of their leases: %s", type(error).__name__)
    finally:
        # Threads cannot be interrupted; whatever they still write is refused by the lease.
        os._exit(exitcode)
