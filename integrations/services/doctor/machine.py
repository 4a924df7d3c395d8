"""The portal itself: database, broker, processes, disk, mail and its public address."""

import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from background.heartbeat import latest_heartbeat
from integrations.clarius import errors, probe_url
from integrations.models import Service
from integrations.services.addresses import is_loopback, is_public_https
from integrations.services.doctor.findings import Finding, failed, note, ok, skipped, span

# A process beats every 15 seconds.
SILENCE = timedelta(minutes=1)
BROKER_SECONDS = 3


def check_database() -> Finding:
    """The database answers and every migration was applied."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        return failed("database", f"The database does not answer ({type(error).__name__}).")
    if missing:
        return failed("database", f"{len(missing)} migrations are missing. Run: manage.py migrate")
    return ok("database", f"The database answers and is up to date ({connection.vendor}).")


def check_services() -> Finding:
    """A service is connected, and not every one is paused."""
    count, in_use = Service.objects.count(), Service.objects.in_use().count()
    if not count:
        return failed("services", "No service is connected. Run connect_service, or connect one on its page.")
    if not in_use:
        return failed("services", "Every service is paused: nothing is polled, fetched or sent.")
    if in_use < count:
        return note("services", f"{in_use} of {count} services are in use, the others are paused.")
    return ok("services", f"{count} {'service is' if count == 1 else 'services are'} in use.")


def check_broker() -> Finding:
    """The broker takes connections; the only place besides the processes that opens one."""
    if settings.CELERY_BROKER_URL.startswith("memory"):
        return ok("broker", "Messages stay in the worker's memory; there is no broker to reach.")
    try:
        with current_app.connection(connect_timeout=BROKER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
    except Exception as error:
        # Each transport raises errors of its own.
        return failed(
            "broker",
            f"The broker cannot be reached ({type(error).__name__}). Nothing is lost; nothing is worked on.",
        )
    return ok("broker", "The broker takes connections.")


def check_process(name: str) -> Finding:
    """A worker, or beat, wrote its heartbeat within the last minute."""
    seen = latest_heartbeat(name=name)
    if seen is None:
        return failed(name, f"No {name} has ever run. Start one: manage.py worker")
    seconds = (timezone.now() - seen.seen_at).total_seconds()
    if seconds < -SILENCE.total_seconds():
        words = f"The {name} was seen {span(-seconds)} from now, so whether it runs is not known"
        return failed(name, f"{words}: its clock or this one is wrong.")
    if seconds > SILENCE.total_seconds():
        return failed(name, f"The {name} was last seen {span(seconds)} ago.")
    return ok(name, f"The {name} was seen {max(int(seconds), 0)} seconds ago.")


def check_media() -> Finding:
    """The folder of files takes a new file."""
    try:
        folder = Path(settings.MEDIA_ROOT)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".doctor-")
        os.close(descriptor)
        os.unlink(name)
    except OSError as error:
        return failed("media", f"The folder of files cannot be written to ({error.strerror}).")
    return ok("media", "The folder of files can be written to.")


def check_disk() -> Finding:
    """More room is left than `MIN_FREE_MB`, with which no file is taken any more."""
    free = free_mb()
    if free is None:
        return skipped("disk", "How much room is left could not be read.")
    if free < settings.MIN_FREE_MB:
        return failed("disk", f"{free:,} MB are free, less than MIN_FREE_MB: no file is fetched.")
    if free < nearly_full_mb():
        return note("disk", f"The disk is nearly full: {free:,} MB are free.")
    return ok("disk", f"{free:,} MB are free.")


def free_mb() -> int | None:
    """Return how many MB the folder of files may still take, or None."""
    for folder in (Path(settings.MEDIA_ROOT), *Path(settings.MEDIA_ROOT).parents):
        try:
            return shutil.disk_usage(folder).free >> 20
        except OSError:
            continue
    return None


def nearly_full_mb() -> int:
    """Return below how many MB a person should know."""
    return max(4 * settings.MIN_FREE_MB, 2048)


def check_mail() -> Finding:
    """Mail goes to a mail server."""
    backend = settings.EMAIL_BACKEND.rsplit(".", 2)[-2]
    if backend == "smtp":
        return ok("mail", "Mail goes to a mail server.")
    return note("mail", f"Mail goes nowhere but to “{backend}”. Set EMAIL_URL to reach people.")


def check_public_url() -> Finding:
    """`PUBLIC_URL` is https, and the portal answers there without a redirect."""
    if not is_public_https():
        words = "PUBLIC_URL is not https, so Clarius Cloud can send nothing; the poll carries all."
        return note("public_url", words)
    if is_loopback(url=settings.PUBLIC_URL):
        return failed("public_url", "PUBLIC_URL is this machine's own address; nobody else can reach it.")
    return _probe()


def _probe() -> Finding:
    try:
        result = probe_url(
            f"{settings.PUBLIC_URL}/health/live/", allowed_networks=settings.EGRESS_ALLOWED_NETWORKS
        )
    except errors.BlockedByPolicy:
        return failed("public_url", "PUBLIC_URL does not lead to a public address.")
    except errors.ClariusError as error:
        return failed("public_url", f"The portal does not answer at PUBLIC_URL. {error.message}")
    if 300 <= result.status < 400:
        return failed("public_url", "PUBLIC_URL redirects. Clarius Cloud does not follow redirects.")
    if result.status != 200:
        return failed(
            "public_url", f"PUBLIC_URL answers with status {result.status} where the portal should."
        )
    return ok("public_url", "The portal answers at PUBLIC_URL.")
