"""Names are found with an index if the database has one, and by reading every row otherwise."""

from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from exams.models import Submission
from tests.exams.rows import make_customer, make_service, make_submission

index = import_module("exams.migrations.0011_search_text_index")

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgres,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="needs PostgreSQL (DATABASE_URL)"),
]


def test_a_name_is_found_by_the_index() -> None:
    named = make_submission(make_customer(make_service()), last_name="Zebrowska", data_read_at=timezone.now())
    found = Submission.objects.matching("browsk")
    with connection.cursor() as cursor:
        # For a single row, the planner would not use an index.
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "exams_submission_search" in found.explain()
    assert list(found) == [named]


def test_without_the_extension_the_tables_are_still_created(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(index, "STATEMENTS", ("CREATE EXTENSION no_such_extension",))
    with connection.schema_editor() as editor:
        index.add(None, editor)
    assert "searched without an index" in capsys.readouterr().out
    assert Submission.objects.count() == 0


def test_the_index_is_removed_and_created_again() -> None:
    def names() -> set[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname = 'exams_submission_search'")
            return {name for (name,) in cursor.fetchall()}

    with connection.schema_editor() as editor:
        index.remove(None, editor)
    assert names() == set()
    with connection.schema_editor() as editor:
        index.add(None, editor)
    assert names() == {"exams_submission_search"}
