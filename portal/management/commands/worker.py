"""One process that does all background work: a Celery worker with threads, and its beat."""

import sys
from typing import Any

from celery.beat import EmbeddedService
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from background.dispatcher import forget_nudges
from portal.celery import app


class Command(BaseCommand):
    """Run worker and beat until SIGTERM or SIGINT; the exit code is not 0 when it should be restarted."""

    help = "Run the background work of the portal in one process."

    def handle(self, *args: Any, **options: Any) -> None:
        """Start both; work under way is finished or given back when the process is told to stop."""
        if settings.CELERY_BROKER_URL.startswith("memory"):
            # Messages in memory died with the last process; waiting for them would only cost a minute.
            forget_nudges()
        connection.close()
        worker = app.Worker(pool="threads", concurrency=settings.WORKER_THREADS, loglevel=None, quiet=True)
        beat: Any = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)
        beat.start()
        try:
            worker.start()
        finally:
            beat.stop()
        sys.exit(worker.exitcode)
