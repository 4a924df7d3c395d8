"""Make the audit log append-only in the database itself."""

from typing import Any

from django.db import migrations

from audit import triggers


def install(apps: Any, schema_editor: Any) -> None:
    triggers.install(schema_editor, tables=[triggers.TABLE])


def remove(apps: Any, schema_editor: Any) -> None:
    triggers.remove(schema_editor, tables=[triggers.TABLE])


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(install, remove)]
