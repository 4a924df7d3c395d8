"""Read what the Cloud has, daily and on demand, by a worker that shows how far it came."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.record import record
from background.backoff import next_attempt
from background.due import from_now
from background.jobs import schedule
from background.leases import (
    MAX_ATTEMPTS,
    DeadlineExceeded,
    Lease,
    LeaseLost,
    acquire,
    finish,
    holding,
    release,
)
from integrations.clarius import ClariusClient, errors
from integrations.models import Mirror, Service
from integrations.services import circuit
from integrations.services.catalogue import read_applications
from integrations.services.clients import NoKey, client_for
from integrations.services.reading import NotBelievable, Reading
from integrations.services.reconciliation import read_customers
from integrations.services.records import read_records

DEADLINE_SECONDS = 60 * 60
EVERY = timedelta(days=1)
# An answer that is not believed is asked for again when the Cloud may have come to itself.
DOUBTED = timedelta(hours=1)
KEY_REFUSED = "Clarius Cloud did not accept the API key; the portal tries again by itself."

# Reads from the Cloud, without a transaction, and returns what applies it, which tells what changed.
Reader = Callable[[ClariusClient, Reading], Callable[[], str]]
READERS: dict[str, Reader] = {
    Mirror.Kind.CUSTOMERS: read_customers,
    Mirror.Kind.RECORDS: read_records,
    Mirror.Kind.APPLICATIONS: read_applications,
}


def make_mirrors(*, service: Service) -> None:
    """Have each list of the service read soon, and daily from then on."""
    for kind in Mirror.Kind.values:
        Mirror.objects.get_or_create(service=service, kind=kind, defaults={"not_before": from_now()})


def find_mirror(*, service: Service, kind: str) -> Mirror:
    """Return the mirror of this kind, made and due where there was none."""
    mirror, _ = Mirror.objects.get_or_create(service=service, kind=kind, defaults={"not_before": from_now()})
    return mirror


def read_again(*, service: Service, kind: str, user: User, address: str | None) -> None:
    """Have a list read as soon as a worker is free."""
    mirror = find_mirror(service=service, kind=kind)
    with transaction.atomic():
        schedule(model=Mirror, pk=mirror.pk)
        record(action="mirror.wanted", actor=user, target=service, address=address, kind=kind)


def read_now(*, service: Service, kind: str) -> Mirror | None:
    """Read a list in this process; None when another worker is at it. What went wrong stands in `problem`."""
    mirror = find_mirror(service=service, kind=kind)
    schedule(model=Mirror, pk=mirror.pk)
    return read_mirror(pk=mirror.pk)


def read_mirror(*, pk: int) -> Mirror | None:
    """Read one list; None when it is not due or somebody else holds the lease."""
    lease = acquire(model=Mirror, pk=pk)
    if lease is None:
        return None
    mirror = Mirror.objects.select_related("service").get(pk=pk)
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS) as held:
            started_at = timezone.now()
            Mirror.objects.filter(pk=pk, lease_token=lease.token).update(
                started_at=started_at, seen_count=0, expected_count=None
            )
            _read(Reading(mirror.service, mirror, lease, held, started_at))
    except LeaseLost:
        return None
    return Mirror.objects.select_related("service").get(pk=pk)


def _read(reading: Reading) -> None:
    service, lease = reading.service, reading.lease
    if not service.is_active:
        release(lease=lease, not_before=timezone.now() + EVERY, count_attempt=False)
        return
    if circuit.is_open(service=service):
        _put_off(lease=lease, until=timezone.now() + circuit.PROBE_EVERY, problem=KEY_REFUSED, counts=False)
        return
    try:
        with client_for(service=service) as client:
            apply = READERS[reading.mirror.kind](client, reading)
    except errors.KeyRefused as error:
        _wait_for_key(reading=reading, error=error)
    except (NoKey, NotBelievable) as error:
        _put_off(lease=lease, until=timezone.now() + DOUBTED, problem=str(error))
    except DeadlineExceeded:
        _put_off(lease=lease, until=timezone.now() + DOUBTED, problem="The reading took too long.")
    except errors.ClariusError as error:
        _put_off(lease=lease, until=_next_try(lease=lease, error=error), problem=error.message)
    else:
        with transaction.atomic():
            result = apply()
            now = timezone.now()
            finish(
                lease=lease,
                not_before=now + EVERY,
                attempt_count=0,
                first_tried_at=None,
                read_at=now,
                result=result[:300],
                problem="",
                problem_at=None,
            )


def _wait_for_key(*, reading: Reading, error: errors.KeyRefused) -> None:
    if circuit.key_is_refused(service=reading.service):
        until = timezone.now() + circuit.PROBE_EVERY
        _put_off(lease=reading.lease, until=until, problem=KEY_REFUSED, counts=False)
    else:
        _put_off(lease=reading.lease, until=timezone.now() + DOUBTED, problem=error.message)


def _next_try(*, lease: Lease, error: errors.ClariusError) -> datetime:
    if lease.attempt >= MAX_ATTEMPTS or not error.retryable:
        # A copy is never given up: it is tried again later and says meanwhile how old it is.
        return timezone.now() + DOUBTED
    return next_attempt(now=timezone.now(), attempt=lease.attempt, retry_after=error.retry_after)


def _put_off(*, lease: Lease, until: datetime, problem: str, counts: bool = True) -> None:
    release(
        lease=lease,
        not_before=until,
        count_attempt=counts,
        problem=problem[:300],
        problem_at=timezone.now(),
    )
