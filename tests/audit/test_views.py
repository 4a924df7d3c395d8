"""A view adds one audit entry for each session and object in ten minutes."""

from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError

from audit.entries import add_entry, add_view
from audit.models import Entry
from tests.background.service import in_parallel


@pytest.fixture
def target(db: None) -> Entry:
    return add_entry(action="exam.arrived")


def _view(target: Entry, *, session_key: str | None = "session-1", **more: Any) -> bool:
    return add_view(action="exam.viewed", session_key=session_key, target=target, **more)


def test_a_second_view_in_the_same_session_adds_no_entry(target: Entry, clinician: Any) -> None:
    assert [_view(target, actor=clinician), _view(target, actor=clinician)] == [True, False]
    entry = Entry.objects.get(action="exam.viewed")
    assert entry.target_id == str(target.pk)
    assert "session-1" not in str(entry.identifiers)


def test_another_session_person_object_or_action_adds_an_entry(
    target: Entry, clinician: Any, administrator: Any
) -> None:
    other = add_entry(action="exam.arrived")
    assert _view(target, actor=clinician)
    assert _view(target, actor=clinician, session_key="session-2")
    assert _view(target, actor=administrator)
    assert _view(other, actor=clinician)
    assert add_view(action="capture.played", session_key="session-1", target=target, actor=clinician)


def test_a_view_after_ten_minutes_adds_an_entry(target: Entry, settings: Any) -> None:
    assert _view(target)
    settings.VIEW_WINDOW_SECONDS = 0
    assert _view(target)
    settings.VIEW_WINDOW_SECONDS = 600
    assert not _view(target)
    assert Entry.objects.filter(action="exam.viewed").count() == 2


def test_without_a_session_every_view_adds_an_entry(target: Entry) -> None:
    assert [_view(target, session_key=None), _view(target, session_key=None)] == [True, True]


def test_a_view_fails_if_its_entry_cannot_be_saved(target: Entry) -> None:
    broken = mock.patch.object(Entry, "save", side_effect=DatabaseError)
    with broken, pytest.raises(DatabaseError):
        _view(target)


@pytest.mark.django_db(transaction=True)
def test_parallel_views_add_one_entry() -> None:
    target = add_entry(action="exam.arrived")
    assert in_parallel(12, lambda: _view(target)).count(True) == 1
    assert Entry.objects.filter(action="exam.viewed").count() == 1
