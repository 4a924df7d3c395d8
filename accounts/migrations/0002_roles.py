"""Roles are groups; administrators see identifiers and states, patient content only by a permission of its own."""

from typing import Any

from django.db import migrations

REVIEWERS = "Reviewers"
ADMINISTRATORS = "Administrators"


def make_roles(apps: Any, schema_editor: Any) -> None:
    group = apps.get_model("auth", "Group")
    group.objects.get_or_create(name=REVIEWERS)
    group.objects.get_or_create(name=ADMINISTRATORS)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
