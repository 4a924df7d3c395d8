"""How the tables are emptied between two transactional tests.

On SQLite that is a DELETE from each, which the triggers of the audit table refuse: they are gone only while
the runner flushes; during every test they are in force. On PostgreSQL it would be a TRUNCATE of every table,
which makes new files for each of them: hundreds of times the work of deleting the few rows of a test.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.db import connection, connections

from audit import triggers

# Nothing refers to the audit table, and its triggers let it be emptied in this way alone.
EMPTY_AUDIT = (
    f"DO $$ BEGIN IF EXISTS (SELECT FROM {triggers.TABLE}) THEN TRUNCATE {triggers.TABLE}; END IF; END $$"
)


@pytest.fixture(scope="session", autouse=True)
def tables_are_emptied_quickly() -> Iterator[None]:
    operations = type(connection.ops)
    with pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            patch.setattr(operations, "sql_flush", _deletions)
        else:
            patch.setattr(operations, "execute_sql_flush", _without_triggers(operations.execute_sql_flush))
        yield


def _deletions(operations: Any, style: Any, tables: Iterable[str], **options: Any) -> list[str]:
    names = [operations.quote_name(table) for table in tables if table != triggers.TABLE]
    return [EMPTY_AUDIT, *(f"DELETE FROM {name}" for name in names)]  # noqa: S608 - names of our own tables


def _without_triggers(flush: Any) -> Any:
    def flush_without_triggers(self: Any, sql_list: list[str]) -> None:
        if not any(triggers.TABLE in statement for statement in sql_list):
            return flush(self, sql_list)
        with connections[self.connection.alias].schema_editor() as editor:
            triggers.remove(editor)
        try:
            return flush(self, sql_list)
        finally:
            with connections[self.connection.alias].schema_editor() as editor:
                triggers.install(editor)

    return flush_without_triggers
