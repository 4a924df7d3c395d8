"""Exams from before the connection: how many wait, and letting them through in the background."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Max, Min
from django.utils import timezone

from audit.entries import add_entry
from background.jobs import schedule
from background.leases import Hold
from background.runner import NOW, Done, Job, Later, Outcome
from exams.models import BacklogImport, Submission
from exams.models.querysets import SubmissionQuerySet
from exams.services.holds.holding import resume_submissions
from exams.services.transitions import NotAllowed
from integrations.models import Customer, Service

LOOK_AGAIN = timedelta(seconds=5)
S, H = Submission.State, Submission.Hold


@dataclass(frozen=True)
class Waiting:
    """Exams of one customer from before the connection: how many, and from when to when."""

    service: Service
    customer: Customer
    count: int
    oldest: datetime | None
    newest: datetime | None


def find_backlog(
    *,
    service: Service,
    customer: Customer | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> SubmissionQuerySet:
    """Return what is held because it was submitted before the connection, `until` itself left out."""
    rows = all_backlog().filter(service=service)
    if customer is not None:
        rows = rows.filter(customer=customer)
    if since is not None:
        rows = rows.filter(submitted_at__gte=since)
    if until is not None:
        rows = rows.filter(submitted_at__lt=until)
    return rows


def all_backlog() -> SubmissionQuerySet:
    """Return what is held because it was submitted before the connection, of every service."""
    return Submission.objects.filter(state=S.HELD, hold_reason=H.BEFORE_START, customer__isnull=False)


def sum_waiting() -> dict[str, Any]:
    """Return how many exams of how many customers wait, and from when to when they were submitted."""
    rows = all_backlog().order_by()
    totals: dict[str, Any] = rows.aggregate(
        total=Count("pk"),
        customer_count=Count("customer", distinct=True),
        oldest=Min("submitted_at"),
        newest=Max("submitted_at"),
    )
    return totals


def list_waiting(*, most: int) -> list[Waiting]:
    """Return what waits for so many customers at most, those with most exams first."""
    counted = all_backlog().order_by().values("service", "customer")
    groups = list(
        counted.annotate(count=Count("pk"), oldest=Min("submitted_at"), newest=Max("submitted_at")).order_by(
            "-count", "customer"
        )[:most]
    )
    services = Service.objects.in_bulk({row["service"] for row in groups})
    customers = Customer.objects.in_bulk({row["customer"] for row in groups})
    return [
        Waiting(
            service=services[row["service"]],
            customer=customers[row["customer"]],
            count=row["count"],
            oldest=row["oldest"],
            newest=row["newest"],
        )
        for row in groups
    ]


def start_import(
    *,
    service: Service,
    customer: Customer | None,
    since: datetime | None,
    until: datetime | None,
    user: Any,
    address: str | None,
) -> BacklogImport:
    """Begin to let exams through; raises NotAllowed when none waits or another release is under way."""
    count = find_backlog(service=service, customer=customer, since=since, until=until).count()
    if not count:
        raise NotAllowed("No exam from before the connection waits in this range.")
    with transaction.atomic():
        Service.objects.select_for_update().get(pk=service.pk)
        if BacklogImport.objects.filter(service=service, ended_at=None).exists():
            raise NotAllowed("A release for this service is under way; wait for it or stop it.")
        row = BacklogImport.objects.create(
            service=service,
            customer=customer,
            since=since,
            until=until,
            started_by=user,
            address=address,
            total_count=count,
        )
        schedule(model=BacklogImport, pk=row.pk)
        add_entry(
            action="backlog.import_started",
            actor=user,
            target=service,
            address=address,
            release=str(row.pk),
            customer=str(customer.uuid) if customer is not None else "all",
            since=since.isoformat() if since is not None else "",
            until=until.isoformat() if until is not None else "",
            count=str(count),
        )
    return row


def stop_import(*, pk: int, user: Any, address: str | None) -> None:
    """Let no further exam through; raises NotAllowed when the release has ended."""
    with transaction.atomic():
        rows = BacklogImport.objects.filter(pk=pk, ended_at=None)
        if not rows.update(ended_at=timezone.now(), is_stopped=True, not_before=None):
            raise NotAllowed("This release has ended already.")
        _record_end(BacklogImport.objects.get(pk=pk), outcome="stopped", user=user, address=address)


def _go_on(row: BacklogImport, hold: Hold) -> Outcome:
    waiting = find_backlog(service=row.service, customer=row.customer, since=row.since, until=row.until)
    for pk in _next(row, waiting):
        hold.check()
        if not BacklogImport.objects.filter(pk=row.pk, ended_at=None).exists():
            break
        one = Submission.objects.filter(pk=pk, hold_reason=H.BEFORE_START)
        done = resume_submissions(queryset=one, user=row.started_by, address=row.address)
        BacklogImport.objects.filter(pk=row.pk).update(imported_count=F("imported_count") + done)
    if waiting.exists():
        return Later(LOOK_AGAIN)
    return Done(effect=lambda: _end(row))


def _end(row: BacklogImport) -> None:
    if BacklogImport.objects.filter(pk=row.pk, ended_at=None).update(ended_at=timezone.now()):
        row.refresh_from_db()
        _record_end(row, outcome="ok", user=row.started_by, address=row.address)


def _next(row: BacklogImport, waiting: SubmissionQuerySet) -> list[int]:
    under_way = Submission.objects.filter(
        service=row.service, state=S.RECEIVED, resumed_at__gte=row.created_at
    ).count()
    room = max(0, settings.BACKLOG_WINDOW - under_way)
    return list(waiting.newest_first().values_list("pk", flat=True)[:room])


def _record_end(row: BacklogImport, *, outcome: str, user: Any, address: str | None) -> None:
    add_entry(
        action="backlog.import_ended",
        outcome=outcome,
        actor=user,
        target=row.service,
        address=address,
        release=str(row.pk),
        released=str(row.imported_count),
    )


RELEASE = Job(
    name="exams.import_backlog",
    model=BacklogImport,
    work=_go_on,
    waits_for="service",
    # A window of exams is due within seconds; what is left goes on in a new attempt.
    deadline=timedelta(minutes=30),
    overtime=lambda row, hold: Later(NOW),
    # It ends when no exam is left, or a person stops it.
    tries=None,
    related=("service", "customer", "started_by"),
    applies=lambda row: row.ended_at is None,
)
