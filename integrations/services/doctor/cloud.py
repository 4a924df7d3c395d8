"""One service: its base URL, its key, what the Cloud has of it, its clock and its polls."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from integrations.clarius import clean_url, errors, key_problem, probe_url
from integrations.encryption import CannotDecrypt
from integrations.models import ApiKey, RemoteState, Service
from integrations.services.addresses import is_public_https
from integrations.services.doctor.findings import Finding, failed, note, ok, skipped
from integrations.services.remote_state import CannotRead, read_now

POLLS_MISSED = 3
CLOCK_SKEW = timedelta(minutes=5)
V = RemoteState.Verdict
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
    key = ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).first()
    if key is None:
        return failed(
            "key", "No API key is in use. Type one in, or run connect_service.", service=service.slug
        ), None
    try:
        problem = key_problem(key.secret)
    except CannotDecrypt:
        problem = "The API key cannot be opened with FIELD_ENCRYPTION_KEYS."
    if problem:
        return failed("key", problem, service=service.slug), None
    try:
        state = read_now(service=service)
    except CannotRead as error:
        return failed("key", str(error), service=service.slug), None
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
    except errors.ClariusError as error:
        return note(
            "webhook", f"The webhook could not be called from here. {error.message}", service=service.slug
        )
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
    """No key was made in the future: then this machine's clock is slow."""
    made = [key.created_at for key in ApiKey.objects.filter(service=service).only("created_at")]
    read = state.read_at if state is not None else None
    latest = max([each for each in (*made, service.polled_at, read) if each is not None], default=None)
    if latest is not None and latest - timezone.now() > CLOCK_SKEW:
        return failed("clock", "This machine's clock is slow: rows lie in the future.", service=service.slug)
    return ok("clock", "The clock agrees with what was written.", service=service.slug)


def check_poll(service: Service) -> Finding:
    """The last poll is not overdue."""
    if service.polled_at is None:
        return failed("poll", "The service was never polled. Is a worker running?", service=service.slug)
    age = timezone.now() - service.polled_at
    if age > timedelta(minutes=settings.POLL_MINUTES * POLLS_MISSED):
        minutes = int(age.total_seconds() // 60)
        return failed(
            "poll",
            f"The last poll was {minutes} minutes ago. {service.last_error}".strip(),
            service=service.slug,
        )
    return ok(
        "poll", f"The last poll was {int(age.total_seconds() // 60)} minutes ago.", service=service.slug
    )
