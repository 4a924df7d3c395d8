"""Rows that the Cloud itself lists become submissions, or confirm the hints that came before them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from audit.models import Entry
from audit.record import record
from background.jobs import schedule
from exams.models import Exam, Submission
from exams.services.holds import hold_for
from exams.services.listing import Difference, Listed, NewRow, add_rows, compare_page, read_listed
from exams.services.states import move_submissions
from integrations.clarius import Notification
from integrations.models import Customer, Service

UNCONFIRMED_HOLDS = ("unconfirmed", "not_listed", "unlinked")
# What comes in at the same moment is found in the second round, a customer that did in the third.
ROUNDS = 4


@dataclass(frozen=True)
class Taken:
    """What one page brought: rows that are new, known, and known with something changed."""

    new: int = 0
    known: int = 0
    changed: int = 0


def take_page(*, service: Service, notifications: Sequence[Notification]) -> Taken:
    """Take in rows that the Cloud lists: one statement when all are known, a second one for new rows."""
    page = read_listed(notifications)
    first, waiting = compare_page(service=service, page=page) if page else [], page
    differences = first
    writer = _Writer(service)
    for _ in range(ROUNDS):
        fresh = [each for each in differences if not each.pk]
        writer.settle([each for each in differences if each.pk])
        if not fresh or writer.add(fresh) == len(fresh):
            break
        # Somebody else added one of them, or its customer, meanwhile.
        waiting = {each.listed.notification.request_uuid: each.listed for each in fresh}
        differences = compare_page(service=service, page=waiting)
    new = sum(1 for each in first if each.owner is None)
    return Taken(new=new, known=len(page) - new, changed=len(first) - new)


class _Writer:
    """Writes what a page of the list adds or changes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._now = timezone.now()

    def add(self, fresh: list[Difference]) -> int:
        """Add new rows and return how many were added."""
        rows = [self._new_row(each) for each in fresh]
        if connection.vendor == "postgresql":
            return add_rows(service=self._service, rows=rows, now=self._now)
        with transaction.atomic():
            return _add_rows_in_turn(service=self._service, rows=rows, now=self._now)

    def settle(self, stored: list[Difference]) -> None:
        """Confirm hints and take over what changed."""
        if not stored:
            return
        with transaction.atomic():
            for each in stored:
                if each.owner is None:
                    self._confirm(each)
                else:
                    self._change(each)

    def _new_row(self, row: Difference) -> NewRow:
        hold = self._hold(row)
        state = Submission.State.HELD if hold else Submission.State.RECEIVED
        return NewRow(listed=row.listed, customer=row.customer, state=state.value, hold_reason=hold)

    def _hold(self, row: Difference) -> str:
        return str(
            hold_for(
                service=self._service,
                is_linked=row.is_linked,
                download_url=row.listed.url,
                submitted_at=row.listed.notification.submitted_at,
            )
        )

    def _confirm(self, row: Difference) -> None:
        if row.hint_digest and row.hint_digest != row.listed.digest:
            self._record_conflict(row)
        rows = Submission.objects.filter(pk=row.pk)
        values = _listed_values(self._service, row.listed, row.customer)
        rows.update(missed_pass_count=0, not_ready_since=None, polled_at=self._now, **values)
        self._move(row, self._hold(row), reasons=UNCONFIRMED_HOLDS)

    def _change(self, row: Difference) -> None:
        if row.owner != row.listed.digest:
            # What was confirmed first stands; the rest of this row is not to be trusted either.
            self._record_conflict(row)
            return
        Submission.objects.filter(pk=row.pk).update(download_url=row.listed.url)
        self._move(row, self._hold(row), reasons=(Submission.Hold.FOREIGN_URL,))

    def _move(self, row: Difference, hold: str, *, reasons: Sequence[str]) -> None:
        rows = Submission.objects.filter(pk=row.pk, hold_reason__in=reasons)
        if hold:
            move_submissions(rows, to=Submission.State.HELD, hold_reason=hold, not_before=None)
        elif move_submissions(rows, to=Submission.State.RECEIVED):
            schedule(model=Submission, pk=row.pk)

    def _record_conflict(self, row: Difference) -> None:
        earlier = Entry.objects.filter(action="submission.conflict", target_id=str(row.uuid))
        if not earlier.exists():
            record(action="submission.conflict", outcome="refused", target=Submission(uuid=row.uuid))


def _listed_values(service: Service, listed: Listed, customer: int | None) -> dict[str, Any]:
    notification = listed.notification
    if customer is None:
        made, _ = Customer.objects.get_or_create(
            service=service, token_digest=listed.digest, defaults={"token": notification.customer_id}
        )
        customer = made.pk
    exam, _ = Exam.objects.get_or_create(customer_id=customer, exam_uuid=notification.exam_uuid)
    return {
        "customer_id": customer,
        "exam_id": exam.pk,
        "download_url": listed.url,
        "submitted_at": notification.submitted_at,
    }


def _add_rows_in_turn(*, service: Service, rows: Sequence[NewRow], now: datetime) -> int:
    """Add rows on a database that cannot add to three tables by one statement, in its only transaction."""
    keys = [each.listed.notification.request_uuid for each in rows]
    stored = Submission.objects.filter(service=service, request_uuid__in=keys)
    known = set(stored.values_list("request_uuid", flat=True))
    fresh = [each for each in rows if each.listed.notification.request_uuid not in known]
    customers = _find_or_add_customers(service, fresh)
    exams = _find_or_add_exams(
        {(customers[each.listed.digest], each.listed.notification.exam_uuid) for each in fresh}
    )
    made = []
    for each in fresh:
        customer, notification = customers[each.listed.digest], each.listed.notification
        submission = Submission(
            service=service,
            request_uuid=notification.request_uuid,
            customer_id=customer,
            exam_id=exams[customer, notification.exam_uuid],
            download_url=each.listed.url,
            submitted_at=notification.submitted_at,
            received_at=now,
            polled_at=now,
            state=each.state,
            hold_reason=each.hold_reason,
            not_before=None if each.hold_reason else now,
        )
        made.append(submission)
    return len(Submission.objects.bulk_create(made))


def _find_or_add_customers(service: Service, rows: Sequence[NewRow]) -> dict[str, int]:
    tokens = {each.listed.digest: each.listed.notification.customer_id for each in rows}
    stored = Customer.objects.filter(service=service, token_digest__in=list(tokens))
    found = dict(stored.values_list("token_digest", "pk"))
    made = Customer.objects.bulk_create(
        Customer(service=service, token=tokens[digest], token_digest=digest)
        for digest in sorted(tokens.keys() - found.keys())
    )
    return found | {each.token_digest: each.pk for each in made}


def _find_or_add_exams(pairs: set[tuple[int, uuid.UUID]]) -> dict[tuple[int, uuid.UUID], int]:
    stored = Exam.objects.filter(
        customer__in={customer for customer, _ in pairs}, exam_uuid__in={key for _, key in pairs}
    )
    found = {(customer, key): pk for customer, key, pk in stored.values_list("customer", "exam_uuid", "pk")}
    made = Exam.objects.bulk_create(
        Exam(customer_id=customer, exam_uuid=key) for customer, key in sorted(pairs - found.keys())
    )
    return found | {(each.customer_id, each.exam_uuid): each.pk for each in made}
