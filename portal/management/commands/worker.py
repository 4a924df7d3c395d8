"""One process for all background work: a Celery worker with threads, and beat."""

import sys
from typing import Any

from celery.beat import EmbeddedService
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from background.dispatcher import forget_nudges
from portal.celery import app


class Command(BaseCommand):
    """Run worker and beat until SIGTERM or SIGINT; an exit code other than 0 asks for a restart."""

    help = "Run all background work of the portal in one process."

    def handle(self, *args: Any, **options: Any) -> None:
        """Start both. When the process stops, it finishes running work or releases its rows."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("Migrations are missing. Run: manage.py migrate")
        if settings.CELERY_BROKER_URL.startswith("memory"):
            # The last process took its messages with it; without this, rows would wait a minute.
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
