"""Let patients be found among a million submissions: what no model can say of PostgreSQL."""

from typing import Any

from django.db import DatabaseError, migrations, transaction

STATEMENTS = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    # Of rows that have no names yet nothing is indexed, so that arriving costs no more than before.
    "CREATE INDEX exams_submission_search ON exams_submission USING gin (search_text gin_trgm_ops)"
    " WHERE data_read_at IS NOT NULL",
)


def add(apps: Any, schema_editor: Any) -> None:
    """Make the index where the extension may be made; without it a search reads every row, as on SQLite."""
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for statement in STATEMENTS:
                cursor.execute(statement)
    except DatabaseError as error:
        reason = str(error).strip().partition("\n")[0]
        print(f"\n    Names are searched without an index (docs/operations.md, Search): {reason}")  # noqa: T201


def remove(apps: Any, schema_editor: Any) -> None:
    """Take the index away again; the extension may serve others."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS exams_submission_search")


class Migration(migrations.Migration):
    dependencies = [("exams", "0010_identity")]

    operations = [migrations.RunPython(add, remove)]
