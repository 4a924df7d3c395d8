"""Let names be found among a million submissions: what no model can say of PostgreSQL."""

from typing import Any

from django.db import DatabaseError, migrations, transaction

# As exams.models.querysets puts it together; Django compares in capitals.
TEXT = (
    "upper(last_name || ' ' || first_name || ' ' || middle_name || ' ' || animal_name || ' ' || owner_name"
    " || ' ' || identifier)"
)
STATEMENTS = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    # Of rows that have no names yet nothing is indexed, so that arriving costs no more than before.
    f"CREATE INDEX exams_submission_search ON exams_submission USING gin ({TEXT} gin_trgm_ops)"
    " WHERE data_read_at IS NOT NULL",
    # Of a part of a table the planner learns nothing by the index alone, and takes the long way for common names.
    f"CREATE STATISTICS exams_submission_search_words ON ({TEXT}) FROM exams_submission",
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
        schema_editor.execute("DROP STATISTICS IF EXISTS exams_submission_search_words")
        schema_editor.execute("DROP INDEX IF EXISTS exams_submission_search")


class Migration(migrations.Migration):
    dependencies = [("exams", "0001_initial")]

    operations = [migrations.RunPython(add, remove)]
