"""What arrives becomes a submission: a hint from the webhook, or rows that the Cloud itself lists."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audit.models import Entry
from audit.record import record
from background.jobs import schedule
from exams.models import Exam, Submission
from exams.services.holds import hold_for
from exams.services.states import move_submissions
from integrations.clarius import Notification
from integrations.encryption import lookup_digest
from integrations.models import Customer, Link, Service

LONGEST_URL = 8192
UNCONFIRMED_HOLDS = ("unconfirmed", "not_listed", "unlinked")


@dataclass(frozen=True)
class Taken:
    """What one page brought: rows that are new, known, and known with something changed."""

    new: int = 0
    known: int = 0
    changed: int = 0


@dataclass(frozen=True)
class _Known:
    pk: int
    uuid: uuid.UUID
    digest: str | None
    download_url: str
    hold_reason: str
    hint_digest: str


def record_hint(*, service_id: int, request_uuid: uuid.UUID, customer_id: str) -> None:
    """Keep a notification as a hint by one statement; repeats change nothing, other violations raise."""
    now = timezone.now()
    hint = Submission(
        service_id=service_id,
        request_uuid=request_uuid,
        hint_digest=lookup_digest(customer_id),
        state=Submission.State.HELD,
        hold_reason=Submission.Hold.UNCONFIRMED,
        received_at=now,
        notified_at=now,
        not_before=now,
    )
    values = [field.get_db_prep_save(getattr(hint, field.attname), connection) for field in _columns()]
    with connection.cursor() as cursor:
        cursor.execute(_hint_statement(connection.vendor), values)


def _columns() -> list[Any]:
    return [field for field in Submission._meta.concrete_fields if not field.primary_key]


@lru_cache(maxsize=2)
def _hint_statement(vendor: str) -> str:
    # Not bulk_create(ignore_conflicts=True): on SQLite that swallows every other violation as well.
    quote = connection.ops.quote_name
    names = ", ".join(quote(field.column) for field in _columns())
    marks = ", ".join(["%s"] * len(_columns()))
    return (
        f"INSERT INTO {quote(Submission._meta.db_table)} ({names}) VALUES ({marks}) "  # noqa: S608
        "ON CONFLICT (service_id, request_uuid) DO NOTHING"
    )


def take_page(*, service: Service, notifications: Sequence[Notification]) -> Taken:
    """Take in rows that the Cloud lists: one statement when all are known and nothing changed."""
    listed = {each.request_uuid: each for each in notifications}
    known = _find(service, listed)
    hints = {key: row for key, row in known.items() if row.digest is None}
    fresh = [each for key, each in sorted(listed.items()) if key not in known]
    confirmed = {key: row for key, row in known.items() if row.digest is not None}
    changed = [row for key, row in confirmed.items() if _differs(row, listed[key])]
    if hints or fresh or changed:
        with transaction.atomic():
            _Writer(service).take(listed=listed, fresh=fresh, hints=hints, changed=changed, known=confirmed)
    return Taken(new=len(fresh) + len(hints), known=len(confirmed), changed=len(changed))


def _find(service: Service, keys: Iterable[uuid.UUID]) -> dict[uuid.UUID, _Known]:
    rows = Submission.objects.filter(service=service, request_uuid__in=list(keys)).values_list(
        "request_uuid", "pk", "uuid", "customer__token_digest", "download_url", "hold_reason", "hint_digest"
    )
    return {row[0]: _Known(*row[1:]) for row in rows}


def _differs(row: _Known, notification: Notification) -> bool:
    return row.digest != lookup_digest(notification.customer_id) or row.download_url != _url(notification)


def _url(notification: Notification) -> str:
    return notification.download_url.replace("\x00", "")[:LONGEST_URL]


class _Writer:
    """Writes what a page of the list adds or changes, in the caller's transaction."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._now = timezone.now()
        self._customers: dict[str, int] = {}
        self._exams: dict[tuple[int, uuid.UUID], int] = {}
        self._linked: set[int] = set()

    def take(
        self,
        *,
        listed: dict[uuid.UUID, Notification],
        fresh: list[Notification],
        hints: dict[uuid.UUID, _Known],
        changed: list[_Known],
        known: dict[uuid.UUID, _Known],
    ) -> None:
        keys = {row.pk: key for key, row in known.items()}
        self._prepare([*fresh, *(listed[key] for key in hints), *(listed[keys[row.pk]] for row in changed)])
        self._insert(fresh)
        if fresh:
            # A notification may have come in between the look and the insert.
            slipped_in = _find(self._service, [each.request_uuid for each in fresh])
            hints = hints | {key: row for key, row in slipped_in.items() if row.digest is None}
        for key, row in hints.items():
            self._confirm(row, listed[key])
        for row in changed:
            self._change(row, listed[keys[row.pk]])

    def _prepare(self, notifications: list[Notification]) -> None:
        tokens = {lookup_digest(each.customer_id): each.customer_id for each in notifications}
        self._customers = self._find_customers(tokens)
        missing = [
            Customer(service=self._service, token=token, token_digest=digest)
            for digest, token in sorted(tokens.items())
            if digest not in self._customers
        ]
        if missing:
            Customer.objects.bulk_create(missing, ignore_conflicts=True)
            self._customers = self._find_customers(tokens)
        self._prepare_exams({(self._customer_of(each), each.exam_uuid) for each in notifications})
        held = Link.objects.filter(customer__in=self._customers.values(), state=Link.State.CONFIRMED)
        self._linked = set(held.values_list("customer_id", flat=True))

    def _find_customers(self, digests: Iterable[str]) -> dict[str, int]:
        rows = Customer.objects.filter(service=self._service, token_digest__in=list(digests))
        return dict(rows.values_list("token_digest", "pk"))

    def _customer_of(self, notification: Notification) -> int:
        return self._customers[lookup_digest(notification.customer_id)]

    def _prepare_exams(self, pairs: set[tuple[int, uuid.UUID]]) -> None:
        self._exams = self._find_exams(pairs)
        missing = sorted(pairs - self._exams.keys())
        if missing:
            Exam.objects.bulk_create(
                [Exam(customer_id=customer, exam_uuid=key) for customer, key in missing],
                ignore_conflicts=True,
            )
            self._exams = self._find_exams(pairs)

    def _find_exams(self, pairs: set[tuple[int, uuid.UUID]]) -> dict[tuple[int, uuid.UUID], int]:
        rows = Exam.objects.filter(
            customer__in={customer for customer, _ in pairs}, exam_uuid__in={key for _, key in pairs}
        )
        return {(customer, key): pk for customer, key, pk in rows.values_list("customer", "exam_uuid", "pk")}

    def _insert(self, fresh: list[Notification]) -> None:
        rows = []
        for each in fresh:
            values = self._values(each)
            hold = self._hold(each)
            state = Submission.State.HELD if hold else Submission.State.RECEIVED
            due: datetime | None = None if hold else self._now
            rows.append(
                Submission(
                    service=self._service,
                    request_uuid=each.request_uuid,
                    received_at=self._now,
                    state=state,
                    hold_reason=hold,
                    not_before=due,
                    **values,
                )
            )
        Submission.objects.bulk_create(rows, ignore_conflicts=True)

    def _values(self, notification: Notification) -> dict[str, Any]:
        customer = self._customer_of(notification)
        return {
            "customer_id": customer,
            "exam_id": self._exams[customer, notification.exam_uuid],
            "download_url": _url(notification),
            "submitted_at": notification.submitted_at,
            "polled_at": self._now,
        }

    def _hold(self, notification: Notification) -> str:
        return hold_for(
            service=self._service,
            is_linked=self._customer_of(notification) in self._linked,
            download_url=_url(notification),
            submitted_at=notification.submitted_at,
        )

    def _confirm(self, row: _Known, notification: Notification) -> None:
        if row.hint_digest and row.hint_digest != lookup_digest(notification.customer_id):
            self._record_conflict(row)
        rows = Submission.objects.filter(pk=row.pk)
        rows.update(missed_pass_count=0, not_ready_since=None, **self._values(notification))
        self._settle(row, self._hold(notification), reasons=UNCONFIRMED_HOLDS)

    def _change(self, row: _Known, notification: Notification) -> None:
        if row.digest != lookup_digest(notification.customer_id):
            # What was confirmed first stands; the rest of this row is not to be trusted either.
            self._record_conflict(row)
            return
        Submission.objects.filter(pk=row.pk).update(download_url=_url(notification))
        self._settle(row, self._hold(notification), reasons=(Submission.Hold.FOREIGN_URL,))

    def _settle(self, row: _Known, hold: str, *, reasons: Sequence[str]) -> None:
        rows = Submission.objects.filter(pk=row.pk, hold_reason__in=reasons)
        if hold:
            move_submissions(rows, to=Submission.State.HELD, hold_reason=hold, not_before=None)
        elif move_submissions(rows, to=Submission.State.RECEIVED):
            schedule(model=Submission, pk=row.pk)

    def _record_conflict(self, row: _Known) -> None:
        earlier = Entry.objects.filter(action="submission.conflict", target_id=str(row.uuid))
        if not earlier.exists():
            record(action="submission.conflict", outcome="refused", target=Submission(uuid=row.uuid))
