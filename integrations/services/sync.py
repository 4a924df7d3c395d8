"""Read what the Cloud has, daily and on demand, by a worker that shows how far it came."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from background.due import from_now
from background.jobs import schedule
from background.leases import Hold
from background.runner import Done, Job, Later, Outcome, run
from integrations.clarius import ClariusClient
from integrations.cloud import CloudProblem, Code, cloud
from integrations.models import Service, Sync
from integrations.services.annotations.applications import read_applications
from integrations.services.customers.reconciliation import read_customers
from integrations.services.reading import NotBelievable, Reading
from integrations.services.records.records import read_records

EVERY = timedelta(days=1)
# An answer that is not believed is asked for again when the Cloud may have come to itself.
DOUBTED = timedelta(hours=1)

# Reads from the Cloud, without a transaction, and returns what applies it, which tells what changed.
Reader = Callable[[ClariusClient, Reading], Callable[[], str]]
READERS: dict[str, Reader] = {
    Sync.Kind.CUSTOMERS: read_customers,
    Sync.Kind.RECORDS: read_records,
    Sync.Kind.APPLICATIONS: read_applications,
}


def make_syncs(*, service: Service) -> None:
    """Have each list of the service read soon, and daily from then on."""
    for kind in Sync.Kind.values:
        Sync.objects.get_or_create(service=service, kind=kind, defaults={"not_before": from_now()})


def find_sync(*, service: Service, kind: str) -> Sync:
    """Return the mirror of this kind, made and due where there was none."""
    mirror, _ = Sync.objects.get_or_create(service=service, kind=kind, defaults={"not_before": from_now()})
    return mirror


def read_again(*, service: Service, kind: str, user: User, address: str | None) -> None:
    """Have a list read as soon as a worker is free."""
    mirror = find_sync(service=service, kind=kind)
    with transaction.atomic():
        schedule(model=Sync, pk=mirror.pk)
        add_entry(action="mirror.wanted", actor=user, target=service, address=address, kind=kind)


def read_now(*, service: Service, kind: str) -> Sync | None:
    """Read a list in this process; None when another worker is at it. `problem` says what went wrong."""
    mirror = find_sync(service=service, kind=kind)
    schedule(model=Sync, pk=mirror.pk)
    if run(READ, pk=mirror.pk) is None:
        return None
    return Sync.objects.select_related("service").get(pk=mirror.pk)


def _read(mirror: Sync, hold: Hold) -> Outcome:
    """Read one list and apply it together with the note that it was read."""
    started_at = timezone.now()
    try:
        with cloud(mirror.service) as client:
            with hold.step():
                Sync.objects.filter(pk=mirror.pk).update(
                    started_at=started_at, seen_count=0, expected_count=None
                )
            apply = READERS[mirror.kind](client, Reading(mirror.service, mirror, hold, started_at))
    except NotBelievable as error:
        return Later(DOUBTED, changes=_trouble(str(error)))
    except CloudProblem as problem:
        # Nothing is wrong with the list of a service that was paused.
        changes = {} if problem.code == Code.PAUSED else _trouble(str(problem))
        return problem.later(cap=DOUBTED, **changes)
    return Done(
        {"read_at": Now(), "problem": "", "problem_at": None},
        effect=lambda: {"result": apply()[:300]},
        again_in=EVERY,
    )


def _trouble(problem: str) -> dict[str, Any]:
    return {"problem": problem[:300], "problem_at": Now()}


READ = Job(
    name="integrations.run_sync",
    model=Sync,
    work=_read,
    waits_for="service",
    related=("service",),
    # Ten thousand customers are ten calls; this is for a Cloud that is slow.
    deadline=timedelta(hours=1),
    # A copy is never given up: meanwhile it says how old it is.
    tries=None,
    overtime=lambda mirror, hold: Later(DOUBTED, changes=_trouble("The reading took too long.")),
)
