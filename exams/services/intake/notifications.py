"""Store a notification, with one statement."""

import uuid

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from exams.models import Submission
from foundation.crypto import lookup_digest


def store_notification(*, service_id: int, request_uuid: uuid.UUID, customer_id: str) -> None:
    """Store an unconfirmed notification; repeats change nothing, other violations raise.

    If the Cloud's list named the submission first, only the time of the notification is added.
    """
    now = timezone.now()
    row = Submission(
        service_id=service_id,
        request_uuid=request_uuid,
        claimed_digest=lookup_digest(customer_id),
        state=Submission.State.HELD,
        hold_reason=Submission.Hold.UNCONFIRMED,
        received_at=now,
        notified_at=now,
        not_before=now,
    )
    # Django's check that a kept connection is alive would be a second statement.
    connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        _insert(row)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
        # The kept connection had died. Inserting the row again cannot add it twice.
        connection.close()
        _insert(row)


def _insert(row: Submission) -> None:
    # Not bulk_create(ignore_conflicts=True): on SQLite that swallows every other violation as well.
    quote, table = connection.ops.quote_name, connection.ops.quote_name(Submission._meta.db_table)
    values = {
        quote(str(field.column)): field.get_db_prep_save(value, connection)
        for field in Submission._meta.concrete_fields
        if (value := getattr(row, field.attname)) is not None
    }
    statement = (
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))}) "  # noqa: S608
        f"ON CONFLICT (service_id, request_uuid) DO UPDATE SET notified_at = excluded.notified_at "
        f"WHERE {table}.notified_at IS NULL"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values.values()))
