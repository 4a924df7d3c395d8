"""Triggers of the audit log: entries cannot be changed or deleted, and those about a patient are indexed.

On PostgreSQL they are row triggers and do not stop TRUNCATE; grants decide who may truncate. On SQLite a
migration that rebuilds a table drops its triggers and has to end with `install`; for the entries also with
`install_index`.
"""

from collections.abc import Sequence
from typing import Any

TABLE = "audit_entry"
# One row for each patient of an entry, so that an index finds the entries about a patient.
SHOWN = "audit_shownpatient"
TABLES = (TABLE, SHOWN)
MESSAGE = "audit entries are append-only"
_OPERATIONS = ("update", "delete")
# An entry lists its patients itself, so that a page writes with one statement; this spreads them.
_FILL = {
    "postgresql": (
        "CREATE FUNCTION audit_shownpatient_fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO audit_shownpatient (patient, entry_id) "
        "SELECT DISTINCT jsonb_array_elements_text(NEW.identifiers -> 'patients'), NEW.id; "
        "RETURN NULL; END $$",
        "CREATE TRIGGER audit_shownpatient_fill AFTER INSERT ON audit_entry FOR EACH ROW "
        "WHEN (NEW.identifiers -> 'patients' IS NOT NULL) EXECUTE FUNCTION audit_shownpatient_fill()",
    ),
    "sqlite": (
        "CREATE TRIGGER audit_shownpatient_fill AFTER INSERT ON audit_entry FOR EACH ROW "
        "WHEN json_type(NEW.identifiers, '$.patients') IS NOT NULL BEGIN "
        "INSERT INTO audit_shownpatient (patient, entry_id) "
        "SELECT DISTINCT value, NEW.id FROM json_each(NEW.identifiers, '$.patients'); END",
    ),
}


def install(schema_editor: Any, *, tables: Sequence[str] = TABLES) -> None:
    """Create the triggers that refuse changes of these tables."""
    vendor = schema_editor.connection.vendor
    for table in tables:
        if vendor == "postgresql":
            schema_editor.execute(
                f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
            )
        for operation in _OPERATIONS:
            schema_editor.execute(_create(vendor=vendor, table=table, operation=operation))


def remove(schema_editor: Any, *, tables: Sequence[str] = TABLES) -> None:
    """Drop the triggers that refuse changes of these tables."""
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    for table in tables:
        for operation in _OPERATIONS:
            on_table = f" ON {table}" if is_postgresql else ""
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{operation}{on_table}")
        if is_postgresql:
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {table}_refuse()")


def install_index(schema_editor: Any) -> None:
    """Create the trigger that adds the patients of each new entry."""
    for statement in _FILL[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def remove_index(schema_editor: Any) -> None:
    """Drop the trigger that adds patients."""
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(f"DROP TRIGGER IF EXISTS {SHOWN}_fill{f' ON {TABLE}' if is_postgresql else ''}")
    if is_postgresql:
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {SHOWN}_fill()")


def _create(*, vendor: str, table: str, operation: str) -> str:
    head = f"CREATE TRIGGER {table}_no_{operation} BEFORE {operation.upper()} ON {table} FOR EACH ROW"
    if vendor == "postgresql":
        return f"{head} EXECUTE FUNCTION {table}_refuse()"
    return f"{head} BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
