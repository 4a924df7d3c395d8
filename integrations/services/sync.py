"""Read the Cloud's lists daily and on demand, in a worker that shows its progress."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from background.due import from_now, schedule
from background.leases import Hold
from background.runner import Done, Job, Later, Outcome, run
from integrations.clarius import ClariusClient
from integrations.cloud import CloudProblem, Code, cloud
from integrations.models import Service, Sync
from integrations.services.annotations.applications import read_applications
from integrations.services.customers.reconciliation import read_customers
from integrations.services.reading import ImplausibleAnswer, Reading
from integrations.services.records.notification_records import read_records

# The lists change slowly, and a person can read them at any time.
EVERY = timedelta(days=1)
# After an implausible answer or a failure the list is read again within this time.
DOUBTED = timedelta(hours=1)

# Reads a list outside a transaction, and returns the function that applies it and describes the changes.
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
    """Return the sync of this kind; a missing one is created and due at once."""
    sync, _ = Sync.objects.get_or_create(service=service, kind=kind, defaults={"not_before": from_now()})
    return sync


def read_again(*, service: Service, kind: str, user: User, address: str | None) -> None:
    """Have a list read as soon as a worker is free."""
    sync = find_sync(service=service, kind=kind)
    with transaction.atomic():
        schedule(Sync.objects.filter(pk=sync.pk))
        add_entry(action="sync.requested", actor=user, target=service, address=address, kind=kind)


def read_now(*, service: Service, kind: str) -> Sync | None:
    """Read a list in this process; None when a worker is reading it. `problem` tells what failed."""
    sync = find_sync(service=service, kind=kind)
    schedule(Sync.objects.filter(pk=sync.pk))
    if run(READ, pk=sync.pk) is None:
        return None
    return Sync.objects.select_related("service").get(pk=sync.pk)


def _read_list(sync: Sync, hold: Hold) -> Outcome:
    """Read one list, and apply it in the transaction that stores the result."""
    started_at = timezone.now()
    try:
        with cloud(sync.service) as client:
            with hold.step():
                Sync.objects.filter(pk=sync.pk).update(
                    started_at=started_at, seen_count=0, expected_count=None
                )
            apply = READERS[sync.kind](client, Reading(sync.service, sync, hold, started_at))
    except ImplausibleAnswer as error:
        return Later(DOUBTED, changes=_failure(str(error)))
    except CloudProblem as problem:
        # A paused service is not a problem.
        changes = {} if problem.code == Code.PAUSED else _failure(str(problem))
        return problem.later(cap=DOUBTED, **changes)
    return Done(
        {"read_at": Now(), "problem": "", "problem_at": None},
        effect=lambda: {"result": apply()[:300]},
        again_in=EVERY,
    )


def _failure(problem: str) -> dict[str, Any]:
    return {"problem": problem[:300], "problem_at": Now()}


READ = Job(
    name="integrations.run_sync",
    model=Sync,
    work=_read_list,
    waits_for="service",
    related=("service",),
    # Ten thousand customers are ten calls; the rest allows for a slow Cloud.
    deadline=timedelta(hours=1),
    # A sync never ends: its page shows how old the copy is.
    tries=None,
    overtime=lambda sync, hold: Later(DOUBTED, changes=_failure("The reading took too long.")),
)
