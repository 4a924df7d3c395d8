"""A notification becomes a row by one statement, which the database has prepared where it can."""

import hashlib
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, ProgrammingError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from exams.models import Submission
from integrations.encryption import lookup_digest

# Fields that a hint has, and which of the statement's values each gets.
HINT_FIELDS = {
    "uuid": "uuid",
    "service_id": "service",
    "request_uuid": "request",
    "hint_digest": "digest",
    "received_at": "now",
    "notified_at": "now",
    "not_before": "now",
}
VALUES = ("uuid", "service", "request", "digest", "now")
ALREADY_PREPARED = "42P05"


def record_hint(*, service_id: int, request_uuid: uuid.UUID, customer_id: str) -> None:
    """Keep a notification as a hint by one statement; repeats change nothing, other violations raise.

    Of a submission that the list told of first, only the moment of its notification is noted.
    """
    values = (uuid.uuid4(), service_id, request_uuid, lookup_digest(customer_id), timezone.now())
    # Not django.db.connection, which looks for the thread's connection at each of its uses.
    connection = connections[DEFAULT_DB_ALIAS]
    # Asking a kept connection first whether it is alive would take as long as the INSERT itself.
    connection.health_check_done = True  # type: ignore[attr-defined]
    try:
        _store(connection, values)
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block or connection.is_usable():
            raise
        # It had died: once more on a new one, which can add nothing twice.
        connection.close()
        _store(connection, values)


class _Prepared(threading.local):
    """The session of this thread that has prepared the statement, and whether that is of no use."""

    session: Any = None
    is_lost = False


_prepared = _Prepared()


def _store(connection: BaseDatabaseWrapper, values: Sequence[Any]) -> None:
    insert = _insert(connection.vendor)
    if connection.vendor != "postgresql" or connection.in_atomic_block or _prepared.is_lost:
        _execute(connection, insert.plain, insert.parameters(values))
        return
    try:
        _prepare(connection, insert)
        _execute(connection, insert.execute, values)
    except ProgrammingError:
        # A pooler gives each statement another session, or the driver binds values where EXECUTE takes none.
        _execute(connection, insert.plain, insert.parameters(values))
        # Only now: a table that is missing, or a right, is no fault of what was prepared.
        _prepared.is_lost = True


def _prepare(connection: BaseDatabaseWrapper, insert: "_Insert") -> None:
    """Have the statement parsed and planned once for each connection, not once for each notification."""
    connection.ensure_connection()
    if _prepared.session is connection.connection:
        return
    try:
        _execute(connection, insert.prepare, None)
    except ProgrammingError as error:
        if _sqlstate(error) != ALREADY_PREPARED:
            raise
    _prepared.session = connection.connection


def _execute(connection: BaseDatabaseWrapper, statement: str, values: Sequence[Any] | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _sqlstate(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


@dataclass(frozen=True)
class _Insert:
    """The statement with the fields of its parameters, and how PostgreSQL prepares and executes it."""

    fields: tuple[Any, ...]
    plain: str
    prepare: str
    execute: str

    def parameters(self, values: Sequence[Any]) -> list[Any]:
        """Return what the plain statement takes, which names a value for each field."""
        named, connection = dict(zip(VALUES, values, strict=True)), connections[DEFAULT_DB_ALIAS]
        return [
            field.get_db_prep_save(named[HINT_FIELDS[field.attname]], connection) for field in self.fields
        ]


@lru_cache(maxsize=2)
def _insert(vendor: str) -> _Insert:
    """Return the statement; what is the same in every hint is written out.

    Half a hundred parameters took the driver and the server longer than all the rest of the notification.
    """
    # Not bulk_create(ignore_conflicts=True): on SQLite that swallows every other violation as well.
    connection = connections[DEFAULT_DB_ALIAS]
    quote = connection.ops.quote_name
    hint = Submission(state=Submission.State.HELD, hold_reason=Submission.Hold.UNCONFIRMED)
    columns: dict[str, str] = {}
    fields = []
    for field in Submission._meta.concrete_fields:
        if field.attname in HINT_FIELDS:
            columns[quote(str(field.column))] = "%s"
            fields.append(field)
        elif (value := getattr(hint, field.attname)) is not None:
            columns[quote(str(field.column))] = _literal(field.get_db_prep_save(value, connection))
    table = quote(Submission._meta.db_table)
    # The list may have told of it first: then only that it was notified is new.
    plain = (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())}) "  # noqa: S608
        "ON CONFLICT (service_id, request_uuid) DO UPDATE SET notified_at = excluded.notified_at "
        f"WHERE {table}.notified_at IS NULL"
    )
    places = [VALUES.index(HINT_FIELDS[field.attname]) + 1 for field in fields]
    numbered = plain.replace("%s", "${}").format(*places)
    # Another release behind the same pooler has another statement, and so another name.
    name = f"portal_hint_{hashlib.sha256(numbered.encode()).hexdigest()[:12]}"
    return _Insert(
        fields=tuple(fields),
        plain=plain,
        prepare=f"PREPARE {name} AS {numbered}",
        execute=f"EXECUTE {name}({', '.join(['%s'] * len(VALUES))})",
    )


def _literal(value: object) -> str:
    """Return one of the model's own defaults as SQL; raises TypeError for what is no number or word."""
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str) and (not value or value.isidentifier()):
        return f"'{value!s}'"
    raise TypeError("A default of this kind needs a parameter.")
