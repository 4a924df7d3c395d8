"""The web server: granian with the portal's pages and its static files."""

import argparse
import logging
import os
import signal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections
from granian import Granian
from granian.constants import Interfaces

from portal.static_files import collect_static_files

logger = logging.getLogger(__name__)

# A thread is busy for as long as a client takes to read a file or send a body, and costs little meanwhile.
# Fifty clients on slow lines must leave threads for everybody else.
THREADS = 64
# Responses that take longer are cut when the server stops: container engines kill it after ten seconds.
STOP_SECONDS = 8
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Command(BaseCommand):
    """Serve until SIGTERM or SIGINT."""

    help = "Run the portal's web server."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare where to listen, and how many requests are served at a time."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
        parser.add_argument("--workers", type=int, default=2, help="processes (2)")
        parser.add_argument("--threads", type=int, default=THREADS, help=f"threads of each ({THREADS})")

    def handle(self, *args: Any, **options: Any) -> None:
        """Collect the static files if they have changed, then serve; raises CommandError if that fails."""
        collect_static_files()
        public = urlsplit(settings.PUBLIC_URL)
        if settings.IS_LOCAL and public.port != options["port"]:
            logger.warning(
                "Links in e-mails begin with %s. For this port, set PUBLIC_URL for every process.",
                settings.PUBLIC_URL,
            )
        # The workers are forks of this process.
        connections.close_all()
        # A signal that arrives while a worker begins waits until the worker can end by it.
        os.register_at_fork(
            before=_hold_signals, after_in_parent=_release_signals, after_in_child=_end_on_signals
        )
        Granian(
            "portal.wsgi:application",
            address=options["host"],
            port=options["port"],
            interface=Interfaces.WSGI,
            workers=options["workers"],
            blocking_threads=options["threads"],
            websockets=False,
            # One that was stuck was ended (background/interpreter.py).
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_SECONDS,
        ).serve()


def _hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_on_signals() -> None:
    # Until a worker serves, it has the handlers of the main process, which only set a flag there.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ctrl-C reaches every process; the main one then ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _release_signals()
