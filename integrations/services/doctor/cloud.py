"""One service: its base URL, its key, what the Cloud has of it, its clock and its polls."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from integrations.clarius import clean_url, errors, key_problem, probe_url
from integrations.models import ApiKey, RemoteState, Service
from integrations.services.addresses import is_public_https
from integrations.services.clients import NoKey, client_for
from integrations.services.doctor.findings import Finding, failed, note, ok, skipped, span
from integrations.services.overdue import full_overdue_after, overdue_after
from integrations.services.remote_state import CannotRead, read_now
from integrations.services.reserves import key_with_secret

# How long after its connection a service may wait for a worker.
FIRST_POLL = timedelta(minutes=2)
CLOCK_SKEW = timedelta(minutes=5)
# The Date of an answer counts whole seconds, and answers take a moment.
CLOCK_TOLERANCE = timedelta(seconds=30)
V = RemoteState.Verdict
NO_KEY = "No API key is in use. Type one in, or run connect_service."
NAMES = {"notification_url": "notification URL", "token_transfer_url": "token transfer URL"}


def check_base_url(service: Service) -> Finding:
    """The base URL is https, or a sandbox on this machine."""
    try:
        origin = clean_url(service.base_url).origin
    except errors.ClariusError as error:
        return failed("base_url", f"The base URL cannot be used: {error.message}", service=service.slug)
    if origin.scheme != "https" and not service.is_sandbox:
        return failed("base_url", "The base URL is not https.", service=service.slug)
    return ok("base_url", f"The base URL is {origin}.", service=service.slug)


def check_key(service: Service) -> tuple[Finding, RemoteState | None]:
    """A call with the key in use works; return what the Cloud said as well."""
    found = key_with_secret(service=service)
    if found is None:
        is_sealed = ApiKey.objects.filter(service=service, revoked_at=None).exists()
        words = "The API key cannot be opened with FIELD_ENCRYPTION_KEYS." if is_sealed else NO_KEY
        return failed("key", words, service=service.slug), None
    key, secret = found
    problem = key_problem(secret)
    if problem:
        return failed("key", problem, service=service.slug), None
    try:
        state = read_now(service=service)
    except CannotRead as error:
        return failed("key", str(error), service=service.slug), None
    if Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False).exists():
        words = "The key works, but calls still wait since it was refused. Let “Try the stored keys” be done."
        return failed("key", words, service=service.slug), state
    return ok("key", f"The key {key.prefix}… works.", service=service.slug), state


def check_settings(service: Service, state: RemoteState | None) -> Finding:
    """The Cloud's settings are as wanted."""
    if state is None:
        return skipped(
            "settings", "The settings could not be read without a working key.", service=service.slug
        )
    verdicts = {name: V(getattr(state, name.replace("_url", "_verdict"))) for name in NAMES}
    wrong = {name: verdict for name, verdict in verdicts.items() if verdict != V.SAME}
    if not wrong:
        return ok("settings", "The Cloud's settings are as wanted.", service=service.slug)
    said = "; ".join(f"{NAMES[name]}: {verdict.label}" for name, verdict in wrong.items())
    return failed("settings", f"The Cloud's settings differ: {said}. Push them again.", service=service.slug)


def check_webhook(service: Service) -> Finding:
    """The webhook answers at `PUBLIC_URL`, where a GET is refused with 405, and does not redirect."""
    can_be_called = is_public_https() or service.is_sandbox
    if service.is_poll_only or not (service.is_notified and can_be_called):
        return skipped(
            "webhook", "The Cloud sends no notifications here; the poll carries all.", service=service.slug
        )
    url = f"{settings.PUBLIC_URL}/webhooks/clarius/{service.slug}/probe/"
    try:
        status = probe_url(url, allowed_networks=settings.EGRESS_ALLOWED_NETWORKS).status
    except errors.BlockedByPolicy as error:
        words = f"Whether the webhook answers was not looked at: the egress rules forbid it. {error.message}"
        return note("webhook", words, service=service.slug)
    except errors.ClariusError as error:
        words = f"The webhook does not answer at PUBLIC_URL, so notifications are lost. {error.message}"
        return failed("webhook", words, service=service.slug)
    if 300 <= status < 400:
        return failed(
            "webhook", "The webhook redirects. Clarius Cloud does not follow redirects.", service=service.slug
        )
    if status != 405:
        return failed(
            "webhook",
            f"The webhook answers with status {status}, so notifications are lost.",
            service=service.slug,
        )
    return ok("webhook", "The webhook answers at PUBLIC_URL.", service=service.slug)


def check_clock(service: Service, state: RemoteState | None) -> Finding:
    """This machine's clock agrees with the Cloud's, and with what was written."""
    made = [key.created_at for key in ApiKey.objects.filter(service=service).only("created_at")]
    read = state.read_at if state is not None else None
    latest = max([each for each in (*made, service.polled_at, read) if each is not None], default=None)
    if latest is not None and latest - timezone.now() > CLOCK_SKEW:
        return failed("clock", "This machine's clock is slow: rows lie in the future.", service=service.slug)
    skew = _skew(service) if state is not None else None
    if skew is None:
        return skipped("clock", "The Cloud did not say what time it has.", service=service.slug)
    seconds = int(abs(skew).total_seconds())
    words = f"This machine's clock is {seconds:,} seconds {'slow' if skew > timedelta() else 'fast'}."
    if seconds > CLOCK_SKEW.total_seconds():
        return failed("clock", words, service=service.slug)
    if seconds > CLOCK_TOLERANCE.total_seconds():
        return note("clock", words, service=service.slug)
    return ok("clock", "The clock agrees with the Cloud's.", service=service.slug)


def _skew(service: Service) -> timedelta | None:
    """Return how far the Cloud's clock is ahead of ours; None when it cannot be told."""
    try:
        with client_for(service=service) as client:
            begun = timezone.now()
            client.get_settings()
            middle = begun + (timezone.now() - begun) / 2
            return None if client.last_date is None else client.last_date - middle
    except (errors.ClariusError, NoKey):
        return None


def check_in_use(service: Service) -> Finding:
    """The service is not paused."""
    if not service.is_active:
        return failed(
            "service", "The service is paused: nothing is polled, fetched or sent.", service=service.slug
        )
    return ok("service", "The service is in use.", service=service.slug)


def check_full_poll(service: Service) -> Finding:
    """The last pass over everything is not overdue: short polls miss what was changed late."""
    age = timezone.now() - (service.full_polled_at or service.created_at)
    length = span(age.total_seconds(), unit="hour")
    if age > full_overdue_after():
        words = f"The last full pass was {length} ago." if service.full_polled_at else "No full pass yet."
        return failed("full_poll", f"{words} {service.last_error}".strip(), service=service.slug)
    if service.full_polled_at is None:
        return note("full_poll", "The first full pass has not ended yet.", service=service.slug)
    return ok("full_poll", f"The last full pass was {length} ago.", service=service.slug)


def check_poll(service: Service) -> Finding:
    """The last poll is not overdue."""
    if service.polled_at is None and timezone.now() - service.created_at < FIRST_POLL:
        return note("poll", "The first poll begins as soon as a worker is free.", service=service.slug)
    if service.polled_at is None:
        return failed("poll", "The service was never polled. Is a worker running?", service=service.slug)
    age = timezone.now() - service.polled_at
    if age > overdue_after():
        return failed(
            "poll",
            f"The last poll was {span(age.total_seconds())} ago. {service.last_error}".strip(),
            service=service.slug,
        )
    return ok("poll", f"The last poll was {span(age.total_seconds())} ago.", service=service.slug)
