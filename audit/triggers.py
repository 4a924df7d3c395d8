"""Triggers with which the database refuses to change or delete an audit entry.

On PostgreSQL they are row triggers and do not stop TRUNCATE; grants decide who may truncate. On SQLite a
migration that rebuilds the table drops its triggers and has to end with `install`.
"""

from typing import Any

TABLE = "audit_entry"
MESSAGE = "audit entries are append-only"
_OPERATIONS = ("update", "delete")


def install(schema_editor: Any) -> None:
    """Create the triggers."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            f"CREATE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for operation in _OPERATIONS:
        schema_editor.execute(_create(vendor=schema_editor.connection.vendor, operation=operation))


def remove(schema_editor: Any) -> None:
    """Drop the triggers."""
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for operation in _OPERATIONS:
        on_table = f" ON {TABLE}" if is_postgresql else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {TABLE}_no_{operation}{on_table}")
    if is_postgresql:
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {TABLE}_refuse()")


def _create(*, vendor: str, operation: str) -> str:
    head = f"CREATE TRIGGER {TABLE}_no_{operation} BEFORE {operation.upper()} ON {TABLE} FOR EACH ROW"
    if vendor == "postgresql":
        return f"{head} EXECUTE FUNCTION {TABLE}_refuse()"
    return f"{head} BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
