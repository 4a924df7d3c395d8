"""The contents of audit entries, which nothing can change."""

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from audit.entries import add_entry
from audit.models import Entry
from audit.querysets import AppendOnly


@pytest.mark.django_db
def test_an_entry_has_actor_action_object_outcome_and_time(clinician: Any) -> None:
    before = add_entry(action="exam.listed")
    entry = add_entry(
        action="exam.opened",
        outcome="refused",
        actor=clinician,
        target=before,
        address="192.0.2.7",
        request_uuid="7f3a",
    )
    entry.refresh_from_db()
    assert (entry.action, entry.outcome, entry.actor_id) == ("exam.opened", "refused", str(clinician.pk))
    assert (entry.target_type, entry.target_id) == ("audit.entry", str(before.pk))
    assert (entry.address, entry.identifiers) == ("192.0.2.7", {"request_uuid": "7f3a"})
    assert entry.at >= before.at


@pytest.mark.django_db
def test_the_address_of_an_actor_is_stored_masked(clinician: Any) -> None:
    clinician.email = "clinician@example.test"
    entry = add_entry(action="exam.opened", actor=clinician)
    assert entry.actor_label == "c…@example.test"


@pytest.mark.django_db
def test_deleting_an_account_leaves_its_entries_as_they_were(clinician: Any) -> None:
    entry, pk = add_entry(action="exam.opened", actor=clinician), str(clinician.pk)
    clinician.delete()
    entry.refresh_from_db()
    assert entry.actor_id == pk


@pytest.mark.django_db
def test_a_long_text_is_not_an_identifier() -> None:
    with pytest.raises(ValueError, match="too long"):
        add_entry(action="exam.opened", note="x" * 201)


@pytest.mark.django_db
def test_an_entry_is_rolled_back_together_with_its_change() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        add_entry(action="exam.opened")
        raise RuntimeError
    assert not Entry.objects.exists()


@pytest.mark.django_db
def test_code_cannot_change_or_delete_an_entry() -> None:
    entry = add_entry(action="exam.opened")
    entry.action = "nothing"
    for attempt in (
        entry.save,
        entry.delete,
        Entry.objects.all().delete,
        lambda: Entry.objects.update(action="nothing"),
        lambda: Entry.objects.bulk_update([entry], ["action"]),
        lambda: Entry.objects.update_or_create(pk=entry.pk, defaults={"action": "nothing"}),
        lambda: Entry._base_manager.filter(pk=entry.pk).update(action="nothing"),
        lambda: Entry.objects.bulk_create([entry], update_conflicts=True),
    ):
        with pytest.raises(AppendOnly):
            attempt()
    assert Entry.objects.get().action == "exam.opened"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET action = 'nothing'",
        "UPDATE audit_entry SET at = CURRENT_TIMESTAMP",
        "DELETE FROM audit_entry",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_entry(statement: str) -> None:
    add_entry(action="exam.opened")
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Entry.objects.get().action == "exam.opened"


@pytest.mark.django_db(transaction=True)
def test_after_a_transactional_test_the_table_is_empty_and_has_its_triggers() -> None:
    assert not Entry.objects.exists()
    add_entry(action="exam.opened")
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_entry")
