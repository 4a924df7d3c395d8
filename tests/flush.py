"""Empty the tables between transactional tests, but keep the rows that migrations created.

Django would delete those too, and create them again model by model. On PostgreSQL it would also TRUNCATE
every table, which creates new files: hundreds of times the work of deleting the few rows of a test. On SQLite
the triggers of the audit table refuse a DELETE: they are dropped only while the table is emptied.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush
from django.db import connection, transaction

from audit import triggers

# No constraint refers to the audit tables, and their triggers allow only TRUNCATE.
EMPTY_AUDIT = "DO $$ BEGIN IF EXISTS (SELECT FROM {table}) THEN TRUNCATE {table}; END IF; END $$"
Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Empty tables quickly while the test database exists."""
    with django_db_blocker.unblock():
        migrated = {
            table: rows for table in connection.introspection.table_names() if (rows := _read_rows(table))
        }

    def deletions(operations: Any, style: Any, tables: Iterable[str], **options: Any) -> list[str]:
        emptied = [table for table in tables if table not in migrated]
        statements = [f"DELETE FROM {operations.quote_name(table)}" for table in emptied]  # noqa: S608
        if connection.vendor == "postgresql":
            for table in set(triggers.TABLES).intersection(emptied):
                statements[emptied.index(table)] = EMPTY_AUDIT.format(table=table)
        return statements

    def put_back(*args: Any) -> None:
        changed = [table for table, rows in migrated.items() if _read_rows(table) != rows]
        if changed:
            # References are checked at the end of the transaction.
            with transaction.atomic():
                for table in changed:
                    _replace_rows(table, migrated[table])
            ContentType.objects.clear_cache()

    operations = type(connection.ops)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "sql_flush", deletions)
        patch.setattr(flush, "emit_post_migrate_signal", put_back)
        if connection.vendor == "sqlite":
            patch.setattr(operations, "execute_sql_flush", _without_triggers(operations.execute_sql_flush))
        yield


def _read_rows(table: str) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")  # noqa: S608
        return list(cursor.fetchall())


def _replace_rows(table: str, rows: Rows) -> None:
    name, values = connection.ops.quote_name(table), ", ".join(["%s"] * len(rows[0]))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {name}")  # noqa: S608
        cursor.executemany(f"INSERT INTO {name} VALUES ({values})", rows)  # noqa: S608


def _without_triggers(execute: Any) -> Any:
    def execute_without_triggers(operations: Any, statements: list[str]) -> None:
        if not any(triggers.TABLE in statement for statement in statements):
            return execute(operations, statements)
        with connection.schema_editor() as editor:
            triggers.remove(editor)
        try:
            return execute(operations, statements)
        finally:
            with connection.schema_editor() as editor:
                triggers.install(editor)

    return execute_without_triggers
