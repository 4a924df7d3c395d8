"""One worker leases a row; a worker that lost its lease writes nothing."""

import time
from datetime import timedelta
from unittest import mock

import pytest
from django.db import transaction
from django.utils import timezone

from background.due import schedule
from background.leases import (
    DeadlineExceeded,
    Hold,
    LeaseLost,
    acquire,
    finish,
    holding,
    release,
    release_all,
    renew,
)
from background.runner import TRIES
from tests.background.rows import Work
from tests.background.service import complete, due, in_parallel, let_lease_end, work_on
from tests.processes import wait_for

pytestmark = pytest.mark.usefixtures("rows")


def test_of_twenty_acquirers_one_gets_the_row() -> None:
    row = due()
    leases = in_parallel(20, lambda: acquire(model=Work, pk=row.pk))
    assert sum(lease is not None for lease in leases) == 1
    row.refresh_from_db()
    assert (row.attempt_count, row.lease_token) == (1, 1)


@pytest.mark.parametrize("not_before", [None, timedelta(minutes=1)])
def test_a_row_without_work_now_is_not_acquired(not_before: timedelta | None) -> None:
    row = Work.objects.create(not_before=not_before and timezone.now() + not_before)
    assert acquire(model=Work, pk=row.pk) is None


def test_acquiring_counts_the_attempt_and_ends_the_nudge() -> None:
    row = due(nudged_until=timezone.now() + timedelta(minutes=1))
    lease = acquire(model=Work, pk=row.pk)
    row.refresh_from_db()
    assert lease is not None
    assert (lease.attempt, lease.token, lease.deadline) == (1, 1, row.lease_until)
    assert row.nudged_until is None
    assert row.first_tried_at is not None


def test_a_lease_cannot_begin_inside_a_transaction() -> None:
    row = due()
    with pytest.raises(RuntimeError), transaction.atomic():
        acquire(model=Work, pk=row.pk)


def test_a_finished_row_has_nothing_left_to_do() -> None:
    row = due()
    assert work_on(row.pk)
    row.refresh_from_db()
    assert (row.state, row.effect_count, row.not_before, row.attempt_count) == ("done", 1, None, 0)
    assert row.first_tried_at is None
    assert not work_on(row.pk)


def test_a_row_finished_until_later_has_fresh_attempts() -> None:
    row, later = due(), timezone.now() + timedelta(hours=1)
    finish(lease=acquire(model=Work, pk=row.pk), not_before=later)
    row.refresh_from_db()
    assert (row.not_before, row.attempt_count, row.lease_until) == (later, 0, None)


def test_a_worker_that_lost_its_lease_leaves_no_effect() -> None:
    row = due()
    slow = acquire(model=Work, pk=row.pk)
    let_lease_end(row)
    quick = acquire(model=Work, pk=row.pk)
    with pytest.raises(LeaseLost):
        complete(slow)
    row.refresh_from_db()
    assert (row.effect_count, row.state) == (0, "waiting")
    complete(quick)
    row.refresh_from_db()
    assert (row.effect_count, row.state, row.attempt_count) == (1, "done", 0)


def test_a_worker_that_lost_its_lease_can_neither_renew_nor_release_it() -> None:
    row = due()
    slow = acquire(model=Work, pk=row.pk)
    let_lease_end(row)
    acquire(model=Work, pk=row.pk)
    with pytest.raises(LeaseLost):
        renew(lease=slow)
    with pytest.raises(LeaseLost):
        release(lease=slow, not_before=timezone.now())


def test_a_released_lease_cannot_be_renewed_or_finished() -> None:
    lease = acquire(model=Work, pk=due().pk)
    release(lease=lease, not_before=timezone.now())
    with pytest.raises(LeaseLost):
        renew(lease=lease)
    with pytest.raises(LeaseLost):
        finish(lease=lease)


def test_a_lease_that_ended_unnoticed_still_finishes_while_nobody_else_acquired_it() -> None:
    row = due()
    lease = acquire(model=Work, pk=row.pk)
    let_lease_end(row)
    complete(lease)
    row.refresh_from_db()
    assert row.effect_count == 1


def test_a_released_row_waits_and_remembers_its_first_try() -> None:
    row, later = due(), timezone.now() + timedelta(hours=1)
    lease = acquire(model=Work, pk=row.pk)
    release(lease=lease, not_before=later, state="resting")
    row.refresh_from_db()
    assert (row.not_before, row.attempt_count, row.state, row.lease_until) == (later, 1, "resting", None)
    assert row.first_tried_at is not None


def test_an_attempt_that_does_not_count_leaves_no_trace() -> None:
    row = due()
    release(lease=acquire(model=Work, pk=row.pk), not_before=timezone.now(), count_attempt=False)
    row.refresh_from_db()
    assert (row.attempt_count, row.first_tried_at) == (0, None)


def test_work_longer_than_its_lease_is_done_in_one_attempt() -> None:
    row = due()
    lease = acquire(model=Work, pk=row.pk, seconds=5)
    intruders = []
    with holding(lease=lease, deadline_seconds=60) as hold:
        # Longer than the lease; its renewal, at a third of it, may be three seconds late.
        until = time.monotonic() + 6.5
        while time.monotonic() < until:
            intruders.append(acquire(model=Work, pk=row.pk))
            time.sleep(0.1)
        hold.check()
        complete(lease)
    row.refresh_from_db()
    assert set(intruders) == {None}
    assert (row.effect_count, row.lease_token) == (1, 1)


def test_work_beyond_its_deadline_is_interrupted_and_the_row_becomes_free() -> None:
    row = due()
    with holding(lease=acquire(model=Work, pk=row.pk, seconds=4), deadline_seconds=0.1) as hold:
        wait_for(lambda: not hold.seconds_left, what="The deadline")
        with pytest.raises(DeadlineExceeded):
            hold.check()
    assert wait_for(lambda: acquire(model=Work, pk=row.pk), what="The end of the lease")


def _is_lost(hold: Hold) -> bool:
    try:
        hold.check()
    except LeaseLost:
        return True
    return False


def test_a_worker_notices_that_another_took_its_row() -> None:
    row = due()
    with holding(lease=acquire(model=Work, pk=row.pk, seconds=6), deadline_seconds=60) as hold:
        let_lease_end(row)
        other = acquire(model=Work, pk=row.pk)
        # Sooner than the first lease would have ended: the renewal, at a third of it, notices the loss.
        wait_for(lambda: _is_lost(hold), what="The notice of the loss", seconds=5)
    complete(other)


def test_a_row_that_kills_its_worker_each_time_is_given_up_and_the_others_go_on() -> None:
    poison, others = due(), [due() for _ in range(9)]
    for attempt in range(1, TRIES + 1):
        # A lease of zero seconds: the worker died at once and left the row to the next.
        lease = acquire(model=Work, pk=poison.pk, seconds=0)
        assert lease is not None
        assert lease.attempt == attempt
    for row in [poison, *others]:
        work_on(row.pk)
    poison.refresh_from_db()
    assert (poison.state, poison.effect_count, poison.not_before) == ("failed", 0, None)
    assert Work.objects.filter(state="done", effect_count=1).count() == len(others)


def test_a_row_scheduled_while_it_is_leased_becomes_due_again() -> None:
    row = due()
    lease = acquire(model=Work, pk=row.pk)
    schedule(Work.objects.filter(pk=row.pk))
    assert acquire(model=Work, pk=row.pk) is None
    complete(lease)
    row.refresh_from_db()
    assert (row.effect_count, row.attempt_count) == (1, 0)
    assert work_on(row.pk)


def test_a_row_scheduled_while_it_is_leased_does_not_wait_for_the_backoff() -> None:
    row = due()
    lease = acquire(model=Work, pk=row.pk)
    schedule(Work.objects.filter(pk=row.pk))
    release(lease=lease, not_before=timezone.now() + timedelta(hours=1), count_attempt=False)
    assert work_on(row.pk)


def test_a_process_that_stops_releases_its_rows_and_writes_nothing_more() -> None:
    row = due()
    lease = acquire(model=Work, pk=row.pk)
    with holding(lease=lease, deadline_seconds=30) as hold:
        assert release_all() == 1
        with pytest.raises(LeaseLost):
            hold.check()
        with pytest.raises(LeaseLost):
            complete(lease)
    row.refresh_from_db()
    assert (row.attempt_count, row.effect_count) == (0, 0)
    assert work_on(row.pk)


@pytest.mark.parametrize("skew", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_worker_with_a_wrong_clock_takes_no_row_too_early_and_none_that_is_leased(skew: timedelta) -> None:
    leased, ready = due(), due()
    early = Work.objects.create(not_before=timezone.now() + timedelta(minutes=30))
    acquire(model=Work, pk=leased.pk)
    wrong = timezone.now() + skew
    with (
        mock.patch("django.utils.timezone.now", return_value=wrong),
        mock.patch("time.time", return_value=wrong.timestamp()),
    ):
        assert acquire(model=Work, pk=leased.pk) is None
        assert acquire(model=Work, pk=early.pk) is None
        assert work_on(ready.pk)
