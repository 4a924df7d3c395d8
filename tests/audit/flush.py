"""Lets the test runner empty the audit table on SQLite, where it does so by DELETE, which triggers refuse.

The triggers are gone only while the runner flushes, between two transactional tests; during every test they
are in force. PostgreSQL is flushed by TRUNCATE and needs nothing.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections

from audit import triggers


@pytest.fixture(scope="session", autouse=True)
def audit_can_be_flushed() -> Iterator[None]:
    if connection.vendor != "sqlite":
        yield
        return
    operations = type(connection.ops)
    flush = operations.execute_sql_flush

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

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operations, "execute_sql_flush", flush_without_triggers)
        yield
