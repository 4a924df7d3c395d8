"""A database of a development version is refused with a message and not changed."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder


@pytest.mark.django_db(transaction=True)
def test_migrating_a_database_of_a_development_version_is_refused() -> None:
    applied = MigrationRecorder(connection)
    applied.record_applied("exams", "0003_operators")
    try:
        with pytest.raises(CommandError, match="Start with an empty one"):
            call_command("migrate", verbosity=0)
    finally:
        applied.record_unapplied("exams", "0003_operators")
    call_command("migrate", verbosity=0)
