"""Locks: only the owner of a lock can renew or end it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from background.locks import Busy, Lock, lock, stamp_of, was_changed_since
from tests.background.rows import Work

pytestmark = pytest.mark.usefixtures("rows")
# Any column that holds a time will do.
FIELD = "nudged_until"


def _let_it_run_out(row: Work) -> None:
    Work.objects.filter(pk=row.pk).update(**{FIELD: timezone.now() - timedelta(minutes=5)})


def test_the_second_of_two_is_refused_until_the_first_has_ended() -> None:
    row = Work.objects.create()
    with lock(row, field=FIELD) as held:
        held.renew()
        with pytest.raises(Busy):
            Lock(row, field=FIELD)
    with lock(row, field=FIELD):
        pass


def test_whoever_ran_out_of_time_neither_renews_nor_ends_the_next_ones_lock() -> None:
    row = Work.objects.create()
    slow = Lock(row, field=FIELD)
    _let_it_run_out(row)
    Lock(row, field=FIELD)
    with pytest.raises(Busy):
        slow.renew()
    slow.end()
    with pytest.raises(Busy):
        Lock(row, field=FIELD)


def test_what_was_read_before_or_during_a_change_is_known_to_be_old() -> None:
    row = Work.objects.create()
    rows = Work.objects.filter(pk=row.pk)

    def is_changed(stamp: object) -> bool:
        return was_changed_since(rows, field=FIELD, stamp=stamp)

    before = stamp_of(rows, field=FIELD)
    assert not is_changed(before)
    with lock(row, field=FIELD):
        assert is_changed(before)
        assert is_changed(stamp_of(rows, field=FIELD))
    assert is_changed(before)
    assert not is_changed(stamp_of(rows, field=FIELD))
