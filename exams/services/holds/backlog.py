"""The backlog (exams from before the connection): count it, and import it in the background."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Max, Min
from django.utils import timezone

from audit.entries import add_entry
from background.due import schedule
from background.leases import Hold
from background.runner import NOW, Done, Job, Later, Outcome
from exams.models import BacklogImport, Submission
from exams.models.querysets import SubmissionQuerySet
from exams.services.holds.holding import resume_submissions
from exams.services.transitions import NotAllowed
from integrations.models import Customer, Service

# How often an import looks whether earlier exams have been fetched and others may follow.
NEXT_WINDOW = timedelta(seconds=5)
S, H = Submission.State, Submission.Hold


@dataclass(frozen=True)
class Waiting:
    """The backlog of one customer: how many exams, and the dates of the oldest and the newest."""

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
    """Return the backlog of a service, from `since` up to but not including `until`."""
    rows = all_backlog().filter(service=service)
    if customer is not None:
        rows = rows.filter(customer=customer)
    if since is not None:
        rows = rows.filter(submitted_at__gte=since)
    if until is not None:
        rows = rows.filter(submitted_at__lt=until)
    return rows


def all_backlog() -> SubmissionQuerySet:
    """Return the backlog of every service: submissions that are held because they precede the connection."""
    return Submission.objects.filter(state=S.HELD, hold_reason=H.BEFORE_START, customer__isnull=False)


def sum_waiting() -> dict[str, Any]:
    """Return the backlog's number of exams and customers, and the dates of its oldest and newest exam."""
    rows = all_backlog().order_by()
    totals: dict[str, Any] = rows.aggregate(
        total=Count("pk"),
        customer_count=Count("customer", distinct=True),
        oldest=Min("submitted_at"),
        newest=Max("submitted_at"),
    )
    return totals


def list_waiting(*, most: int) -> list[Waiting]:
    """Return the backlog by customer, at most `most` of them, largest first."""
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
    """Start an import; raises NotAllowed if the range is empty or the service has a running import."""
    count = find_backlog(service=service, customer=customer, since=since, until=until).count()
    if not count:
        raise NotAllowed("The backlog has no exam in this range.")
    with transaction.atomic():
        Service.objects.select_for_update().get(pk=service.pk)
        if BacklogImport.objects.filter(service=service, ended_at=None).exists():
            raise NotAllowed("An import for this service is already running. Wait for it to end, or stop it.")
        row = BacklogImport.objects.create(
            service=service,
            customer=customer,
            since=since,
            until=until,
            started_by=user,
            address=address,
            total_count=count,
        )
        schedule(BacklogImport.objects.filter(pk=row.pk))
        add_entry(
            action="backlog.import_started",
            actor=user,
            target=service,
            address=address,
            backlog_import=str(row.pk),
            customer=str(customer.uuid) if customer is not None else "all",
            since=since.isoformat() if since is not None else "",
            until=until.isoformat() if until is not None else "",
            count=str(count),
        )
    return row


def stop_import(*, pk: int, user: Any, address: str | None) -> None:
    """Stop an import; raises NotAllowed if it has ended."""
    with transaction.atomic():
        rows = BacklogImport.objects.filter(pk=pk, ended_at=None)
        if not rows.update(ended_at=timezone.now(), is_stopped=True, not_before=None):
            raise NotAllowed("This import has already ended.")
        _record_end(BacklogImport.objects.get(pk=pk), outcome="stopped", user=user, address=address)


def _import_next(row: BacklogImport, hold: Hold) -> Outcome:
    waiting = find_backlog(service=row.service, customer=row.customer, since=row.since, until=row.until)
    for pk in _next_window(row, waiting):
        hold.check()
        if not BacklogImport.objects.filter(pk=row.pk, ended_at=None).exists():
            break
        one = Submission.objects.filter(pk=pk, hold_reason=H.BEFORE_START)
        done = resume_submissions(queryset=one, user=row.started_by, address=row.address)
        BacklogImport.objects.filter(pk=row.pk).update(imported_count=F("imported_count") + done)
    if waiting.exists():
        return Later(NEXT_WINDOW)
    return Done(effect=lambda: _finish(row))


def _finish(row: BacklogImport) -> None:
    if BacklogImport.objects.filter(pk=row.pk, ended_at=None).update(ended_at=timezone.now()):
        row.refresh_from_db()
        _record_end(row, outcome="ok", user=row.started_by, address=row.address)


def _next_window(row: BacklogImport, waiting: SubmissionQuerySet) -> list[int]:
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
        backlog_import=str(row.pk),
        imported=str(row.imported_count),
    )


IMPORT = Job(
    name="exams.import_backlog",
    model=BacklogImport,
    work=_import_next,
    waits_for="service",
    # Making a window of exams due takes seconds; what is left continues in a new attempt.
    deadline=timedelta(minutes=30),
    overtime=lambda row, hold: Later(NOW),
    # An import ends when no exam is left or someone stops it.
    tries=None,
    related=("service", "customer", "started_by"),
    applies=lambda row: row.ended_at is None,
)
