"""Checks of what the portal runs on: database, broker, disk and its public address."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.core import checks as system_checks
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Min

from exams.models import Submission
from foundation.admin_urls import list_url
from foundation.checks import Audience, Cost, Finding, Level, check
from integrations.clarius import errors, probe_url
from integrations.services.settings.addresses import is_loopback, is_public_https
from portal.health.system import check_setup

system_checks.register(check_setup, system_checks.Tags.database)

BROKER_SECONDS = 3
operators = partial(check, severity=Level.URGENT, audience=Audience.OPERATORS)
administrators = partial(
    check,
    cost=Cost.INSTANT,
    link="See the waiting exams",
    permission="exams.view_submission",
    noun="waiting exam",
)


@operators(
    code="database",
    sentence="The database does not answer.",
    cost=Cost.DATABASE,
    decides_readiness=True,
    others_need_it=True,
)
def look_at_database() -> Iterator[Finding]:
    """The database answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        yield Finding(sentence=f"The database does not answer ({type(error).__name__}).")
    else:
        yield Finding(sentence=f"The database answers ({connection.vendor}).", level=Level.OK)


@operators(
    code="migrations",
    sentence="Migrations are missing. Run: manage.py migrate",
    cost=Cost.DATABASE,
    decides_readiness=True,
    others_need_it=True,
)
def look_at_migrations() -> Iterator[Finding]:
    """Every migration was applied."""
    count = len(_known_migrations() - set(MigrationRecorder(connection).applied_migrations()))
    if count:
        yield Finding(sentence=f"{count} migrations are missing. Run: manage.py migrate", count=count)
    else:
        yield Finding(sentence="The database is up to date.", level=Level.OK)


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    # The files do not change while the process runs, and reading them takes longer than all else here.
    return frozenset(MigrationLoader(None).graph.nodes)


@operators(code="broker", sentence="The broker cannot be reached.", cost=Cost.NETWORK)
def look_at_broker() -> Iterator[Finding]:
    """The broker takes connections; the only place besides the processes that opens one."""
    if settings.CELERY_BROKER_URL.startswith("memory"):
        sentence = "Messages stay in the worker's memory; there is no broker to reach."
        yield Finding(sentence=sentence, level=Level.OK)
        return
    try:
        with current_app.connection(connect_timeout=BROKER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
    except Exception as error:
        # Each transport raises errors of its own.
        name = type(error).__name__
        yield Finding(sentence=f"The broker cannot be reached ({name}). Nothing is lost; all work waits.")
    else:
        yield Finding(sentence="The broker takes connections.", level=Level.OK)


@operators(code="media-folder", sentence="The folder of files cannot be written to.", cost=Cost.INSTANT)
def look_at_media_folder() -> Iterator[Finding]:
    """The folder of files takes a new file."""
    try:
        folder = Path(settings.MEDIA_ROOT)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".doctor-")
        os.close(descriptor)
        os.unlink(name)
    except OSError as error:
        yield Finding(sentence=f"The folder of files cannot be written to ({error.strerror}).")
    else:
        yield Finding(sentence="The folder of files can be written to.", level=Level.OK)


@administrators(
    code="disk-full",
    severity=Level.URGENT,
    sentence="The disk with the files is full: no file is fetched.",
    audience=Audience.BOTH,
)
def look_at_full_disk() -> Iterator[Finding]:
    """More room is left than `MIN_FREE_MB`, below which no file is fetched."""
    free = free_mb()
    if free is None:
        yield Finding(sentence="The free space could not be read.", level=Level.SKIPPED)
    elif free < settings.MIN_FREE_MB:
        words = f"{free:,} MB are free, less than MIN_FREE_MB"
        yield _about_disk(f"The disk with the files is full: no file is fetched. {words}.")
    else:
        yield Finding(sentence=f"{free:,} MB are free.", level=Level.OK)


@administrators(
    code="disk-nearly-full",
    severity=Level.TODO,
    sentence="The disk with the files is nearly full.",
    audience=Audience.ADMINISTRATORS,
)
def look_at_filling_disk() -> Iterator[Finding]:
    """The disk does not fill up."""
    free = free_mb()
    if free is not None and settings.MIN_FREE_MB <= free < max(4 * settings.MIN_FREE_MB, 2048):
        yield _about_disk(f"The disk with the files is nearly full: {free:,} MB are free.")


def _about_disk(sentence: str) -> Finding:
    waiting = Submission.objects.filter(state=Submission.State.RECEIVED).order_by()
    url = list_url(Submission, state__exact=Submission.State.RECEIVED.value)
    try:
        found = waiting.aggregate(count=Count("pk"), oldest=Min("received_at"))
    except DatabaseError:
        # A full disk may be what stopped the database: it is said all the same.
        found = {"count": 0}
    return Finding(sentence=sentence, url=url, **found)


def free_mb() -> int | None:
    """Return how many MB the folder of files may still take, or None."""
    for folder in (Path(settings.MEDIA_ROOT), *Path(settings.MEDIA_ROOT).parents):
        try:
            return shutil.disk_usage(folder).free >> 20
        except OSError:
            continue
    return None


@operators(code="public-address", sentence="The portal does not answer at PUBLIC_URL.", cost=Cost.NETWORK)
def look_at_public_address() -> Iterator[Finding]:
    """`PUBLIC_URL` is https, and the portal answers there without a redirect."""
    if not is_public_https():
        sentence = "PUBLIC_URL is not https, so Clarius Cloud can send nothing. Exams are found by polling."
        yield Finding(sentence=sentence, level=Level.NOTE)
        return
    problem = _problem_of_address()
    if problem:
        yield Finding(sentence=problem)
    else:
        yield Finding(sentence="The portal answers at PUBLIC_URL.", level=Level.OK)


def _problem_of_address() -> str:
    if is_loopback(url=settings.PUBLIC_URL):
        return "PUBLIC_URL is this machine's own address; nobody else can reach it."
    try:
        url = f"{settings.PUBLIC_URL}/health/live/"
        status = probe_url(url, allowed_networks=settings.EGRESS_ALLOWED_NETWORKS).status
    except errors.BlockedByPolicy:
        return "PUBLIC_URL does not lead to a public address."
    except errors.ClariusError as error:
        return f"The portal does not answer at PUBLIC_URL. {error.message}"
    if 300 <= status < 400:
        return "PUBLIC_URL redirects. Clarius Cloud does not follow redirects."
    return "" if status == 200 else f"PUBLIC_URL answers with status {status} where the portal should."
