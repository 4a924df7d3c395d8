"""Health checks of the infrastructure: database, broker, disk and the public address."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from ipaddress import ip_network
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
from integrations.models import Service
from integrations.services.settings.addresses import is_loopback, is_public_https
from portal.health.system import check_setup

system_checks.register(check_setup)

# How long the check waits for a connection.
BROKER_SECONDS = 3
operators = partial(check, severity=Level.URGENT, audience=Audience.OPERATORS)
administrators = partial(
    check,
    cost=Cost.INSTANT,
    link="View waiting exams",
    permission="exams.view_submission",
    noun="waiting exam",
)


@operators(
    code="settings",
    sentence="A setting is misspelt, or two contradict each other.",
    cost=Cost.INSTANT,
    is_setup=True,
)
def look_at_settings() -> Iterator[Finding]:
    """No setting is misspelt, and no combination of allowed ones endangers the portal."""
    for given, meant in settings.MISSPELT_VARIABLES.items():
        sentence = f"The variable {given} has no effect. Did you mean {meant}?"
        yield Finding(sentence=sentence, level=Level.ACTION)
    combinations = (
        (
            settings.IS_HTTPS and not settings.TRUSTED_PROXY_COUNT,
            "PUBLIC_URL is https and TRUSTED_PROXY_COUNT is 0, so every page redirects to itself. "
            "Set TRUSTED_PROXY_COUNT to the number of reverse proxies in front of the portal.",
            Level.URGENT,
        ),
        (
            _is_inside(settings.MEDIA_ROOT, settings.STATIC_ROOT, *settings.STATICFILES_DIRS),
            "MEDIA_ROOT is inside a folder of static files, which everybody may read. Move it elsewhere.",
            Level.URGENT,
        ),
        (
            settings.SECRET_KEY == settings.TOKEN_LOOKUP_KEY,
            "SECRET_KEY and TOKEN_LOOKUP_KEY are the same, so neither can be replaced alone.",
            Level.ACTION,
        ),
        (
            any(ip_network(each).prefixlen == 0 for each in settings.EGRESS_ALLOWED_NETWORKS),
            "EGRESS_ALLOWED_NETWORKS contains every address, so a forged download address can reach your own "
            "network. Name only the networks of your Cloud.",
            Level.ACTION,
        ),
        (
            settings.CAPTURE_MAX_MB > settings.SUBMISSION_MAX_MB,
            "CAPTURE_MAX_MB is larger than SUBMISSION_MAX_MB, so the largest image allowed is never fetched.",
            Level.ACTION,
        ),
        (
            settings.POLL_MINUTES > settings.FULL_POLL_HOURS * 60,
            "POLL_MINUTES is longer than FULL_POLL_HOURS, so every poll is a full one.",
            Level.ACTION,
        ),
    )
    for is_dangerous, sentence, level in combinations:
        if is_dangerous:
            yield Finding(sentence=sentence, level=level)


def _is_inside(folder: Path, *parents: Path) -> bool:
    place = Path(folder).resolve()
    return any(place.is_relative_to(Path(parent).resolve()) for parent in parents)


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
    """Every migration is applied."""
    count = len(_known_migrations() - set(MigrationRecorder(connection).applied_migrations()))
    if count:
        yield Finding(sentence=f"{count} migrations are missing. Run: manage.py migrate", count=count)
    else:
        yield Finding(sentence="The database is up to date.", level=Level.OK)


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    # The files do not change while the process runs, and reading them takes longest here.
    return frozenset(MigrationLoader(None).graph.nodes)


@operators(code="broker", sentence="The broker cannot be reached.", cost=Cost.NETWORK)
def look_at_broker() -> Iterator[Finding]:
    """The broker accepts connections. Besides worker and beat, only this check opens one."""
    if settings.CELERY_BROKER_URL.startswith("memory"):
        sentence = "Messages stay in the worker's memory; there is no broker to reach."
        yield Finding(sentence=sentence, level=Level.OK)
        return
    try:
        with current_app.connection(connect_timeout=BROKER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
    except Exception as error:
        # Each transport raises its own errors.
        name = type(error).__name__
        yield Finding(sentence=f"The broker cannot be reached ({name}). Nothing is lost; all work waits.")
    else:
        yield Finding(sentence="The broker accepts connections.", level=Level.OK)


@operators(code="media-folder", sentence="The media folder cannot be written to.", cost=Cost.INSTANT)
def look_at_media_folder() -> Iterator[Finding]:
    """A new file can be written to the media folder."""
    try:
        folder = Path(settings.MEDIA_ROOT)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".doctor-")
        os.close(descriptor)
        os.unlink(name)
    except OSError as error:
        yield Finding(sentence=f"The media folder cannot be written to ({error.strerror}).")
    else:
        yield Finding(sentence="The media folder can be written to.", level=Level.OK)


@administrators(
    code="disk-full",
    severity=Level.URGENT,
    sentence="The media disk is full: no files are fetched.",
    audience=Audience.BOTH,
)
def look_at_full_disk() -> Iterator[Finding]:
    """At least `MIN_FREE_MB` are free, which fetching files requires."""
    free = free_mb()
    if free is None:
        yield Finding(sentence="The free space could not be read.", level=Level.SKIPPED)
    elif free < settings.MIN_FREE_MB:
        figures = f"{free:,} MB are free, less than MIN_FREE_MB"
        yield _find_waiting(f"The media disk is full: no files are fetched. {figures}.")
    else:
        yield Finding(sentence=f"{free:,} MB are free.", level=Level.OK)


@administrators(
    code="disk-nearly-full",
    severity=Level.ACTION,
    sentence="The media disk is nearly full.",
    audience=Audience.ADMINISTRATORS,
)
def look_at_filling_disk() -> Iterator[Finding]:
    """The media disk is not nearly full."""
    free = free_mb()
    if free is not None and settings.MIN_FREE_MB <= free < max(4 * settings.MIN_FREE_MB, 2048):
        yield _find_waiting(f"The media disk is nearly full: {free:,} MB are free.")


def _find_waiting(sentence: str) -> Finding:
    waiting = Submission.objects.filter(state=Submission.State.RECEIVED).order_by()
    url = list_url(Submission, state__exact=Submission.State.RECEIVED.value)
    try:
        found = waiting.aggregate(count=Count("pk"), oldest=Min("received_at"))
    except DatabaseError:
        # The full disk may have stopped the database; the finding is shown all the same.
        found = {"count": 0}
    return Finding(sentence=sentence, url=url, **found)


def free_mb() -> int | None:
    """Return how many MB are free for the media folder, or None."""
    for folder in (Path(settings.MEDIA_ROOT), *Path(settings.MEDIA_ROOT).parents):
        try:
            return shutil.disk_usage(folder).free >> 20
        except OSError:
            continue
    return None


@operators(code="public-address", sentence="The portal does not answer at PUBLIC_URL.", cost=Cost.NETWORK)
def look_at_public_address() -> Iterator[Finding]:
    """`PUBLIC_URL` is https, and the portal answers there without a redirect; a sandbox needs no https."""
    if not is_public_https() and _is_for_sandboxes():
        sentence = "PUBLIC_URL is not https. The sandbox can call it all the same; Clarius Cloud could not."
        yield Finding(sentence=sentence, level=Level.OK)
        return
    if not is_public_https():
        sentence = (
            "PUBLIC_URL is not https, so Clarius Cloud cannot notify the portal. Exams are found by polling."
        )
        yield Finding(sentence=sentence, level=Level.NOTE)
        return
    problem = _find_address_problem()
    if problem:
        yield Finding(sentence=problem)
    else:
        yield Finding(sentence="The portal answers at PUBLIC_URL.", level=Level.OK)


def _is_for_sandboxes() -> bool:
    """Tell whether the services that are notified at PUBLIC_URL are sandboxes."""
    notified = Service.objects.in_use().filter(is_poll_only=False)
    try:
        return notified.exists() and not notified.filter(is_sandbox=False).exists()
    except DatabaseError:
        # The check of the database, or of its migrations, reports it.
        return False


def _find_address_problem() -> str:
    if is_loopback(url=settings.PUBLIC_URL):
        return "PUBLIC_URL is a loopback address; no other machine can reach it."
    try:
        url = f"{settings.PUBLIC_URL}/health/live/"
        status = probe_url(url, allowed_networks=settings.EGRESS_ALLOWED_NETWORKS).status
    except errors.BlockedByPolicy:
        return "PUBLIC_URL does not resolve to a public address."
    except errors.ClariusError as error:
        return f"The portal does not answer at PUBLIC_URL. {error.message}"
    if 300 <= status < 400:
        return "PUBLIC_URL redirects. Clarius Cloud does not follow redirects."
    return "" if status == 200 else f"PUBLIC_URL answers with status {status} instead of 200."
