"""Turn rows of the Cloud's list into submissions, or into the confirmation of earlier notifications."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from audit.entries import add_entry
from audit.models import Entry
from background.due import schedule
from exams.models import Exam, Submission
from exams.services.holds.holding import hold_for
from exams.services.transitions import move_submissions
from foundation.crypto import lookup_digest
from integrations.clarius import Notification
from integrations.models import Customer, Link, Service

H = Submission.Hold
# A submission with one of these reasons may still have no confirmed customer.
UNCONFIRMED_HOLDS = (H.UNCONFIRMED, H.NOT_LISTED, H.UNLINKED)
# Longer than any real address; a list must not fill the database.
LONGEST_URL = 8192


@dataclass(frozen=True)
class Taken:
    """The rows of one page, counted: new, known, and known with a change."""

    new: int = 0
    known: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class _Listed:
    """One row of the list, with the keyed hash of its token and its cleaned address."""

    notification: Notification
    digest: str
    url: str


@dataclass(frozen=True, slots=True)
class _Stored:
    """The stored part of a listed row; without an `owner` (its customer's digest) it is unconfirmed."""

    pk: int
    uuid: uuid.UUID
    owner: str | None
    claimed_digest: str
    url: str
    is_time_unreadable: bool


@dataclass(frozen=True, slots=True)
class _Owner:
    """A customer of the service, and whether a portal account is linked to it now."""

    pk: int
    is_linked: bool


_Page = dict[uuid.UUID, _Listed]


def take_page(*, service: Service, notifications: Sequence[Notification]) -> Taken:
    """Store the rows of one page: one statement when all are known, about ten when some are new."""
    page = _read_page(notifications)
    stored = _find_stored(service, page)
    new = {key: row for key, row in page.items() if key not in stored or stored[key].owner is None}
    changed = {key: row for key, row in page.items() if key not in new and _differs(stored[key], row)}
    if new or changed:
        with transaction.atomic():
            _Writer(service, new=new, changed=changed).write(stored)
    return Taken(new=len(new), known=len(page) - len(new), changed=len(changed))


def analyze_tables() -> None:
    """Refresh PostgreSQL's statistics after many new rows; call it outside a transaction.

    Until then, PostgreSQL reads a table whole for each foreign key if its last VACUUM saw it empty.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE integrations_customer, exams_exam, exams_submission")


def _read_page(notifications: Sequence[Notification]) -> _Page:
    # Many rows share a customer, so each token is hashed only once.
    digests = {token: lookup_digest(token) for token in {each.customer_id for each in notifications}}
    rows = {}
    for each in notifications:
        # No database takes NUL.
        url = each.download_url.replace("\x00", "")[:LONGEST_URL]
        rows[each.request_uuid] = _Listed(each, digests[each.customer_id], url)
    return dict(sorted(rows.items()))


def _find_stored(service: Service, keys: Collection[uuid.UUID]) -> dict[uuid.UUID, _Stored]:
    rows = Submission.objects.filter(service=service, request_uuid__in=keys)
    columns = ("pk", "uuid", "customer__token_digest", "claimed_digest", "download_url", "is_time_unreadable")
    return {key: _Stored(*values) for key, *values in rows.values_list("request_uuid", *columns)}


def _differs(stored: _Stored, row: _Listed) -> bool:
    return stored.owner != row.digest or stored.url != row.url or _has_readable_time_now(stored, row)


def _has_readable_time_now(stored: _Stored, row: _Listed) -> bool:
    return stored.is_time_unreadable and row.notification.submitted_at is not None


class _Writer:
    """Writes what a page of the list adds or changes, inside the caller's transaction.

    Rows of each table are written in one order everywhere, so that two pages never wait for each other.
    """

    def __init__(self, service: Service, *, new: _Page, changed: _Page) -> None:
        self._service = service
        self._new = new
        self._rows = new | changed
        self._now = timezone.now()
        self._customers: dict[str, _Owner] = {}
        self._exams: dict[tuple[int, uuid.UUID], int] = {}

    def write(self, stored: Mapping[uuid.UUID, _Stored]) -> None:
        """Add rows that are not stored, confirm those that only a notification named, and store changes."""
        self._find_or_add_customers()
        self._find_or_add_exams()
        added = [key for key in self._new if key not in stored]
        Submission.objects.bulk_create([self._new_row(key) for key in added], ignore_conflicts=True)
        # A notification or another worker may have added the row meanwhile. SQLite ignores every violation,
        # not only conflicts: a row that it left out is missing here, which raises KeyError below.
        stored = {**stored, **_find_stored(self._service, added)}
        for key, row in sorted(self._rows.items()):
            if stored[key].owner is None:
                self._confirm(stored[key], row)
            elif _differs(stored[key], row):
                self._change(stored[key], row)

    def _find_or_add_customers(self) -> None:
        tokens = {row.digest: row.notification.customer_id for row in self._rows.values()}
        links = Link.objects.filter(customer=OuterRef("pk"), state=Link.State.CONFIRMED)
        rows = Customer.objects.filter(service=self._service, token_digest__in=tokens)
        found = rows.annotate(has_link=Exists(links)).values_list("token_digest", "pk", "has_link")
        missing = {row.digest for row in self._new.values()} - {digest for digest, _, _ in found}
        if missing:
            made = [
                Customer(service=self._service, token=tokens[digest], token_digest=digest)
                for digest in sorted(missing)
            ]
            Customer.objects.bulk_create(made, ignore_conflicts=True)
            found = found.all()
        self._customers = {digest: _Owner(pk, has_link) for digest, pk, has_link in found}

    def _find_or_add_exams(self) -> None:
        pairs = {self._exam_key(row) for row in self._new.values()}
        made = [Exam(customer_id=customer, exam_uuid=key) for customer, key in sorted(pairs)]
        Exam.objects.bulk_create(made, ignore_conflicts=True)
        rows = Exam.objects.filter(
            customer__in={customer for customer, _ in pairs}, exam_uuid__in={key for _, key in pairs}
        )
        found = rows.values_list("customer", "exam_uuid", "pk")
        self._exams = {(customer, key): pk for customer, key, pk in found}

    def _exam_key(self, row: _Listed) -> tuple[int, uuid.UUID]:
        return self._customers[row.digest].pk, row.notification.exam_uuid

    def _new_row(self, key: uuid.UUID) -> Submission:
        row = self._rows[key]
        hold = self._hold(row)
        return Submission(
            service=self._service,
            request_uuid=key,
            received_at=self._now,
            state=Submission.State.HELD if hold else Submission.State.RECEIVED,
            hold_reason=hold,
            not_before=None if hold else self._now,
            **self._listed_values(row),
        )

    def _listed_values(self, row: _Listed) -> dict[str, Any]:
        return self._times(row) | {
            "customer_id": self._customers[row.digest].pk,
            "exam_id": self._exams[self._exam_key(row)],
            "download_url": row.url,
            "polled_at": self._now,
        }

    def _times(self, row: _Listed) -> dict[str, Any]:
        at = row.notification.submitted_at
        # Lists are sorted by it, so an exam without a time takes the present one and says so.
        return {"submitted_at": at or self._now, "is_time_unreadable": at is None}

    def _hold(self, row: _Listed) -> str:
        return hold_for(
            service=self._service,
            is_linked=self._customers[row.digest].is_linked,
            download_url=row.url,
            submitted_at=row.notification.submitted_at,
        )

    def _confirm(self, stored: _Stored, row: _Listed) -> None:
        if stored.claimed_digest and stored.claimed_digest != row.digest:
            self._record_conflict(stored)
        values = self._listed_values(row) | {"missed_pass_count": 0, "not_ready_since": None}
        Submission.objects.filter(pk=stored.pk).update(**values)
        self._move(stored, row, held_for=UNCONFIRMED_HOLDS)

    def _change(self, stored: _Stored, row: _Listed) -> None:
        if stored.owner != row.digest:
            # The customer that was confirmed first stays; the rest of this row cannot be trusted either.
            self._record_conflict(stored)
            return
        times = self._times(row) if _has_readable_time_now(stored, row) else {}
        Submission.objects.filter(pk=stored.pk).update(download_url=row.url, **times)
        self._move(stored, row, held_for=(H.FOREIGN_URL,))

    def _move(self, stored: _Stored, row: _Listed, *, held_for: Sequence[str]) -> None:
        rows = Submission.objects.filter(pk=stored.pk, hold_reason__in=held_for)
        if hold := self._hold(row):
            move_submissions(rows, to=Submission.State.HELD, hold_reason=hold, not_before=None)
        elif move_submissions(rows, to=Submission.State.RECEIVED):
            schedule(Submission.objects.filter(pk=stored.pk))

    def _record_conflict(self, stored: _Stored) -> None:
        earlier = Entry.objects.filter(action="submission.conflict", target_id=str(stored.uuid))
        if not earlier.exists():
            add_entry(action="submission.conflict", outcome="refused", target=Submission(uuid=stored.uuid))
