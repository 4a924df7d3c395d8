"""Checks that call Clarius Cloud or this portal, which only `doctor` and *Test connection* make."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from foundation.checks import Audience, Cost, Finding, Level, check
from integrations import keyring
from integrations.clarius import clean_url, errors, key_problem, probe_url
from integrations.clock import TOLERANCE, describe
from integrations.cloud import CloudProblem, Code, cloud
from integrations.models import ApiKey, RemoteState, Service
from integrations.services.settings.addresses import is_public_https
from integrations.services.settings.remote_state import read_now

# A larger difference of the clocks is a problem, a smaller one a note.
CLOCK_SKEW = timedelta(minutes=5)
# A state this recent was read by the check of the key, so the Cloud can be reached.
JUST_READ = timedelta(minutes=1)


def list_services() -> QuerySet[Service]:
    """Return the services, each of which is checked."""
    return Service.objects.order_by("name")


of_service = partial(
    check, severity=Level.URGENT, cost=Cost.NETWORK, audience=Audience.OPERATORS, each=list_services
)


@of_service(code="base-url", sentence="The base URL cannot be used.")
def look_at_base_url(service: Service) -> Iterator[Finding]:
    """The base URL is https, or a sandbox on this machine."""
    try:
        origin = clean_url(service.base_url).origin
    except errors.ClariusError as error:
        yield Finding(sentence=f"The base URL cannot be used: {error.message}")
        return
    if origin.scheme != "https" and not service.is_sandbox:
        yield Finding(sentence="The base URL is not https.")
    else:
        yield Finding(sentence=f"The base URL is {origin}.", level=Level.OK)


@of_service(code="api-key", sentence="The API key does not work.")
def look_at_key(service: Service) -> Iterator[Finding]:
    """A call with the key in use works; what it reads is stored for the checks that follow."""
    try:
        read_now(service=service)
    except CloudProblem as problem:
        key = keyring.key_in_use(service=service) if problem.code == Code.KEY_REFUSED else None
        shape = key_problem(key.secret) if key else None
        yield Finding(sentence=f"{problem} {shape or ''}".strip())
        return
    if Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False).exists():
        sentence = "The key works, but calls still wait since it was refused. Choose “Try the stored keys”."
        yield Finding(sentence=sentence)
    else:
        yield Finding(sentence=f"The key {keyring.key_in_use(service=service)} works.", level=Level.OK)


@of_service(code="exam-list", sentence="Clarius Cloud does not list the exams.")
def look_at_exam_list(service: Service) -> Iterator[Finding]:
    """The key may read the list of exams, without which nothing is polled or confirmed."""
    if not _was_just_read(service):
        sentence = "The list of exams was not read, since the key does not work."
        yield Finding(sentence=sentence, level=Level.SKIPPED)
        return
    try:
        with cloud(service, always=True) as client:
            next(client.exam_pages(limit=1), None)
    except CloudProblem as problem:
        yield Finding(sentence=f"Clarius Cloud does not list the exams. {problem}")
    else:
        yield Finding(sentence="Clarius Cloud lists the exams.", level=Level.OK)


def _was_just_read(service: Service) -> bool:
    recent = timezone.now() - JUST_READ
    return RemoteState.objects.filter(service=service, read_at__gte=recent).exists()


@of_service(code="webhook", sentence="The webhook does not answer.")
def look_at_webhook(service: Service) -> Iterator[Finding]:
    """The webhook answers at `PUBLIC_URL`, where a GET is refused with 405, and does not redirect."""
    can_be_called = is_public_https() or service.is_sandbox
    if service.is_poll_only or not (service.is_notified and can_be_called):
        sentence = "The Cloud sends no notifications here. Exams are found by polling."
        yield Finding(sentence=sentence, level=Level.SKIPPED)
        return
    url = f"{settings.PUBLIC_URL}/webhooks/clarius/{service.slug}/probe/"
    try:
        status = probe_url(url, allowed_networks=settings.EGRESS_ALLOWED_NETWORKS).status
    except errors.BlockedByPolicy as error:
        sentence = f"The webhook was not called: the egress rules forbid it. {error.message}"
        yield Finding(sentence=sentence, level=Level.NOTE)
        return
    except errors.ClariusError as error:
        lost = "The webhook does not answer at PUBLIC_URL, so notifications are lost."
        yield Finding(sentence=f"{lost} {error.message}")
        return
    if status == 405:
        yield Finding(sentence="The webhook answers at PUBLIC_URL.", level=Level.OK)
    elif 300 <= status < 400:
        yield Finding(sentence="The webhook redirects. Clarius Cloud does not follow redirects.")
    else:
        yield Finding(sentence=f"The webhook answers with status {status}, so notifications are lost.")


@of_service(code="clock", sentence="This machine's clock is wrong.")
def look_at_clock(service: Service) -> Iterator[Finding]:
    """This machine's clock agrees with the Cloud's, and with the rows that were written earlier."""
    now = timezone.now()
    read_at = RemoteState.objects.filter(service=service).values_list("read_at", flat=True).first()
    made = ApiKey.objects.filter(service=service).values_list("created_at", flat=True)
    latest = max([each for each in (*made, service.polled_at, read_at) if each is not None], default=None)
    if latest is not None and latest - now > CLOCK_SKEW:
        yield Finding(sentence="This machine's clock is slow: rows lie in the future.")
        return
    skew = _skew(service) if _was_just_read(service) else None
    if skew is None:
        yield Finding(
            sentence="The Cloud's answer had no date to compare the clock with.", level=Level.SKIPPED
        )
        return
    if abs(skew) > CLOCK_SKEW:
        yield Finding(sentence=describe(skew))
    elif abs(skew) > TOLERANCE:
        yield Finding(sentence=describe(skew), level=Level.NOTE)
    else:
        yield Finding(sentence="The clock agrees with the Cloud's.", level=Level.OK)


def _skew(service: Service) -> timedelta | None:
    """Return how far the Cloud's clock is ahead of ours; None when it cannot be read."""
    try:
        with cloud(service, always=True) as client:
            begun = timezone.now()
            client.get_settings()
            middle = begun + (timezone.now() - begun) / 2
            return None if client.last_date is None else client.last_date - middle
    except CloudProblem:
        return None
