"""Checks of the services at Clarius Cloud: secrets, keys, settings, polls, copies of lists, customers."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db.models import Count, Min, Model, QuerySet
from django.urls import reverse
from django.utils import timezone

from background.models import OutgoingMail
from foundation.actions import Action
from foundation.admin_urls import list_url
from foundation.checks import Audience, Cost, Finding, Fix, Level, check
from foundation.crypto import CannotDecrypt, lookup_digest
from foundation.moments import span
from integrations import keyring
from integrations.clock import TOLERANCE, describe
from integrations.connection_checks import list_services
from integrations.models import ApiKey, Customer, KeyRotation, Link, RemoteState, Service, Sync
from integrations.services.actions import CONFIRM, POLL, POLL_EVERYTHING, READ_AGAIN, RESUME
from integrations.services.settings.pausing_and_polling import paused_since

VIEW, OPERATE, MANAGE = (f"integrations.{name}_service" for name in ("view", "operate", "manage"))
# How long after its connection a service may wait for a worker.
FIRST_POLL = timedelta(minutes=2)
# A single missed poll is no problem: a worker may have been restarted.
POLLS_MISSED = 3
FULL_POLLS_MISSED = 2
# Rows read at a time, for flat memory.
AT_ONCE = 2000
V = RemoteState.Status
LIST_PAGES = {
    Sync.Kind.CUSTOMERS: "customer",
    Sync.Kind.RECORDS: "notificationrecord",
    Sync.Kind.APPLICATIONS: "application",
}
operators = partial(check, cost=Cost.DATABASE, severity=Level.URGENT, audience=Audience.OPERATORS)


# Checks of one service. Most link to the page of the service; with `MANAGED`, to its keys or settings.
of_service = partial(
    check,
    cost=Cost.DATABASE,
    audience=Audience.BOTH,
    each=list_services,
    link="See the service",
    permission=VIEW,
)
MANAGED = {"permission": MANAGE}


def page_of(service: Service, name: str = "change") -> str:
    """Return the address of a page of a service."""
    return reverse(f"admin:integrations_service_{name}", args=[service.pk])


def fix_by(service: Service, action: Action) -> Fix:
    """Return the fix that applies one action to this service."""
    return Fix(rows=Service.objects.filter(pk=service.pk), permission=OPERATE, actions=(action,))


@operators(code="services", sentence="No service is in use.")
def look_at_services() -> Iterator[Finding]:
    """A service is connected, and not every one is paused."""
    count, in_use = Service.objects.count(), Service.objects.in_use().count()
    if not count:
        sentence = "No service is connected. Run connect_service, or connect one in the administration."
        yield Finding(sentence=sentence, count=0)
    elif not in_use:
        yield Finding(sentence="Every service is paused: nothing is polled, fetched or sent.")
    elif in_use < count:
        sentence = f"{in_use} of {count} services are in use, the others are paused."
        yield Finding(sentence=sentence, level=Level.NOTE)
    else:
        sentence = f"{count} {'service is' if count == 1 else 'services are'} in use."
        yield Finding(sentence=sentence, level=Level.OK)


@operators(
    code="secrets", sentence="A secret in use cannot be decrypted.", decides_readiness=True, is_setup=True
)
def look_at_secrets() -> Iterator[Finding]:
    """The secrets that the services in use need can be decrypted."""
    services = Service.objects.in_use()
    keys = ApiKey.objects.filter(service__in=services, is_in_use=True, revoked_at=None)
    locked = {row.slug for row in services if not _can_decrypt(row, "webhook_secret")}
    locked |= {row.service.slug for row in keys.select_related("service") if not _can_decrypt(row, "secret")}
    if locked:
        sentence = f"Secrets of {', '.join(sorted(locked))} cannot be decrypted. {RESTORE}"
        yield Finding(sentence=sentence, count=len(locked))


RESTORE = "Put the key that encrypted them back into FIELD_ENCRYPTION_KEYS."
STORED: tuple[tuple[str, QuerySet[Model], tuple[str, ...]], ...] = (
    (
        "webhook secrets",
        Service.objects.all(),
        ("webhook_secret", "previous_webhook_secret", "unsettled_webhook_secrets"),
    ),
    ("API keys", ApiKey.objects.filter(revoked_at=None), ("secret",)),
    ("mails", OutgoingMail.objects.exclude(state=OutgoingMail.State.SENT), ("recipient", "body")),
)


@operators(code="stored-secrets", sentence="Stored secrets cannot be decrypted.")
def look_at_stored_secrets() -> Iterator[Finding]:
    """Every stored secret can be decrypted, and `TOKEN_LOOKUP_KEY` still finds the customers."""
    counts = [(what, *_count_locked(rows, names)) for what, rows, names in STORED]
    locked, unknown, count = _count_customers()
    counts.append(("customer tokens", locked, count))
    wrong = [f"{bad:,} of {every:,} {what}" for what, bad, every in counts if bad]
    if wrong:
        yield Finding(sentence=f"{' and '.join(wrong)} cannot be decrypted. {RESTORE}")
    elif unknown:
        sentence = f"{unknown:,} of {count:,} customers would not be recognised by their tokens. "
        yield Finding(sentence=f"{sentence}Set TOKEN_LOOKUP_KEY to what it was when they were connected.")
    else:
        sentence = "Every stored secret can be decrypted, and every customer is found by its token."
        yield Finding(sentence=sentence, level=Level.OK)


def _count_locked(rows: QuerySet[Model], names: tuple[str, ...]) -> tuple[int, int]:
    """Return how many rows hold a secret that cannot be decrypted, and how many there are."""
    bad = count = 0
    for row in rows.only("pk", *names).iterator(chunk_size=AT_ONCE):
        count += 1
        bad += not all(_can_decrypt(row, name) for name in names)
    return bad, count


def _count_customers() -> tuple[int, int, int]:
    """Return how many tokens cannot be decrypted, how many have another digest, and how many there are."""
    locked = unknown = count = 0
    for row in Customer.objects.only("pk", "token", "token_digest").iterator(chunk_size=AT_ONCE):
        count += 1
        if not _can_decrypt(row, "token"):
            locked += 1
        elif lookup_digest(row.token) != row.token_digest:
            unknown += 1
    return locked, unknown, count


def _can_decrypt(row: Model, name: str) -> bool:
    try:
        getattr(row, name)
    except CannotDecrypt:
        return False
    return True


@of_service(
    code="service-paused",
    severity=Level.ACTION,
    sentence="Paused: nothing is polled, fetched or sent.",
    is_final=True,
)
def look_at_pause(service: Service) -> Iterator[Finding]:
    """The service is in use."""
    if service.is_active:
        yield Finding(sentence="The service is in use.", level=Level.OK)
    else:
        since = paused_since(service=service)
        yield Finding(url=page_of(service), oldest=since, fix=fix_by(service, RESUME))


@of_service(
    code="api-key-refused",
    severity=Level.URGENT,
    sentence=keyring.ALL_REFUSED,
    **MANAGED | {"link": "Add an API key"},
)
def look_at_refused_key(service: Service) -> Iterator[Finding]:
    """Clarius Cloud accepts a stored key."""
    if service.circuit_opened_at is not None:
        yield Finding(url=page_of(service, "keys"), oldest=service.circuit_opened_at)


@of_service(
    code="api-key-missing",
    severity=Level.URGENT,
    sentence="No API key is in use.",
    audience=Audience.ADMINISTRATORS,
    is_setup=True,
    command="connect_service {slug}",
    **MANAGED | {"link": "Add an API key"},
)
def look_at_missing_key(service: Service) -> Iterator[Finding]:
    """A key is in use."""
    keys = ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None)
    if service.circuit_opened_at is None and not keys.exists():
        yield Finding(url=page_of(service, "keys"))


@of_service(
    code="key-rotation-failed",
    severity=Level.ACTION,
    sentence="The API key could not be replaced.",
    audience=Audience.ADMINISTRATORS,
    **MANAGED | {"link": "See the keys"},
)
def look_at_rotation(service: Service) -> Iterator[Finding]:
    """The last rotation of the key did not fail."""
    last = KeyRotation.objects.filter(service=service).first()
    if last is not None and last.step == KeyRotation.Step.FAILED:
        sentence = f"The API key could not be replaced. {last.problem}".strip()
        yield Finding(sentence=sentence, url=page_of(service, "keys"), oldest=last.ended_at)


@of_service(
    code="never-polled",
    severity=Level.ACTION,
    sentence="The service was never polled.",
    audience=Audience.OPERATORS,
)
def look_at_first_poll(service: Service) -> Iterator[Finding]:
    """The service was polled, or was connected a moment ago."""
    if service.polled_at is not None:
        return
    if timezone.now() - service.created_at < FIRST_POLL:
        sentence = "Not polled yet. The first poll begins as soon as a worker is free."
        yield Finding(sentence=sentence, level=Level.NOTE)
    else:
        yield Finding(sentence="The service was never polled. Is a worker running?")


@of_service(
    code="not-registered",
    severity=Level.ACTION,
    sentence="Clarius Cloud does not know our addresses yet.",
    is_setup=True,
    command="connect_service {slug} --register (or --poll-only)",
    **MANAGED | {"link": "Push the settings"},
)
def look_at_registration(service: Service) -> Iterator[Finding]:
    """Clarius Cloud has our addresses, or the service is only polled."""
    if not (service.is_registered or service.is_poll_only):
        yield Finding(url=page_of(service, "settings"), oldest=service.created_at)


@of_service(
    code="settings-differ",
    severity=Level.ACTION,
    sentence="The settings at Clarius Cloud differ from the expected ones.",
    **MANAGED | {"link": "Compare and push"},
)
def look_at_settings(service: Service) -> Iterator[Finding]:
    """The settings at Clarius Cloud were as expected when they were last read."""
    if not (service.is_registered or service.is_poll_only):
        return
    state = RemoteState.objects.filter(service=service).first()
    if state is not None and state.drifted_at is not None:
        statuses = (("notification", state.notification_status), ("transfer", state.token_transfer_status))
        differences = "; ".join(f"{name} URL: {V(each).label}" for name, each in statuses if each != V.SAME)
        sentence = f"The settings at Clarius Cloud differ from the expected ones ({differences})."
        yield Finding(sentence=sentence, url=page_of(service, "settings"), oldest=state.drifted_at)
    elif state is None or state.read_at is None:
        yield Finding(sentence="The settings have not been read yet.", level=Level.SKIPPED)
    else:
        yield Finding(sentence="The settings at Clarius Cloud are as expected.", level=Level.OK)


@of_service(code="poll-overdue", severity=Level.URGENT, sentence="The poll is overdue.")
def look_at_poll(service: Service) -> Iterator[Finding]:
    """The last poll is not overdue."""
    if service.circuit_opened_at is not None:
        return
    last = service.polled_at or service.created_at
    age = timezone.now() - last
    length = span(age.total_seconds())
    if age > _overdue_after():
        last_one = f"the last one was {length} ago" if service.polled_at else "there was none yet"
        sentence = f"The poll is overdue: {last_one}. {service.last_error}".strip()
        yield Finding(sentence=sentence, url=page_of(service), oldest=last, fix=fix_by(service, POLL))
    elif service.polled_at is not None:
        yield Finding(sentence=f"The last poll was {length} ago.", level=Level.OK)


def _overdue_after() -> timedelta:
    return timedelta(minutes=settings.POLL_MINUTES * POLLS_MISSED)


@of_service(code="full-poll-overdue", severity=Level.ACTION, sentence="The full poll is overdue.")
def look_at_full_poll(service: Service) -> Iterator[Finding]:
    """The last full poll is not overdue: short polls miss what was changed late."""
    last_short = service.polled_at or service.created_at
    if service.circuit_opened_at is not None or timezone.now() - last_short > _overdue_after():
        return
    last = service.full_polled_at or service.created_at
    age = timezone.now() - last
    length = span(age.total_seconds(), unit="hour")
    if age > timedelta(hours=settings.FULL_POLL_HOURS * FULL_POLLS_MISSED):
        last_one = f"the last one was {length} ago" if service.full_polled_at else "there was none yet"
        sentence = f"The full poll is overdue: {last_one}. {service.last_error}".strip()
        fix = fix_by(service, POLL_EVERYTHING)
        yield Finding(sentence=sentence, url=page_of(service), oldest=last, fix=fix)
    elif service.full_polled_at is None:
        yield Finding(sentence="The first full poll has not ended yet.", level=Level.OK)
    else:
        yield Finding(sentence=f"The last full poll was {length} ago.", level=Level.OK)


@of_service(
    code="clock-differs",
    severity=Level.ACTION,
    sentence="This machine's clock differs from Clarius Cloud's.",
    audience=Audience.ADMINISTRATORS,
)
def look_at_measured_clock(service: Service) -> Iterator[Finding]:
    """The latest poll found this machine's clock in agreement with the Cloud's."""
    offset = service.clock_offset
    if offset is not None and abs(offset) > TOLERANCE:
        sentence = (
            f"{describe(offset)} Clarius Cloud's clock is used instead where the two meet. Set it right."
        )
        yield Finding(sentence=sentence, url=page_of(service), oldest=service.polled_at)


@of_service(
    code="last-call-failed",
    severity=Level.NOTE,
    sentence="The last call failed.",
    audience=Audience.ADMINISTRATORS,
)
def look_at_last_error(service: Service) -> Iterator[Finding]:
    """The last call to Clarius Cloud did not fail."""
    if service.last_error and service.circuit_opened_at is None:
        yield Finding(sentence=service.last_error, url=page_of(service), oldest=service.last_error_at)


def _check_sync(kind: Sync.Kind, page: str) -> None:
    """Register the check of one kind of list."""

    @of_service(
        code=f"{kind.value}-sync-failed",
        severity=Level.ACTION,
        sentence=f"The {kind.label} could not be read.",
        audience=Audience.ADMINISTRATORS,
        link="See the list",
        permission=f"integrations.view_{page}",
        noun="list",
    )
    def look_at_sync(service: Service) -> Iterator[Finding]:
        """The Cloud's list could be read."""
        failed = Sync.objects.filter(service=service, kind=kind).exclude(problem="")
        for sync in failed:
            yield Finding(
                sentence=f"The {kind.label} could not be read. {sync.problem}",
                url=reverse(f"admin:integrations_{page}_changelist"),
                oldest=sync.problem_at,
                fix=Fix(rows=failed, permission=OPERATE, actions=(READ_AGAIN,)),
            )


for kind, page in LIST_PAGES.items():
    _check_sync(kind, page)


@of_service(
    code="customers-missing",
    severity=Level.ACTION,
    sentence="Clarius Cloud does not list customers that are linked here, so their exams may not come.",
    audience=Audience.ADMINISTRATORS,
    link="See the customers",
    permission="integrations.view_customer",
    noun="customer",
)
def look_at_customers(service: Service) -> Iterator[Finding]:
    """Clarius Cloud lists every customer that is linked here."""
    missing = Customer.Status.MISSING
    rows = Customer.objects.filter(service=service).in_status(missing).order_by()
    found = rows.aggregate(count=Count("pk"), oldest=Min("missed_at"))
    if found["count"]:
        links = Link.objects.confirmed().filter(customer__in=rows.values("pk"))
        fix = Fix(rows=links, permission="integrations.operate_link", actions=(CONFIRM,))
        url = list_url(Customer, status=missing.value, service__id__exact=service.pk)
        yield Finding(url=url, fix=fix, **found)
