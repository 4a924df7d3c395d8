"""The runner: a job is declared, its work returns an outcome, and the runner saves that or nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from background.backoff import Backoff
from background.due import from_now, schedule
from background.leases import DeadlineExceeded, Hold, acquire
from background.runner import Done, Job, Later, Outcome, only, run, wake
from tests.background.rows import Work
from tests.background.service import due, let_lease_end

pytestmark = pytest.mark.usefixtures("rows")

MINUTE = timedelta(minutes=1)


class Withdrawn(Exception):
    """Somebody decided otherwise."""


def job(work: Callable[[Work, Hold], Outcome], **options: Any) -> Job:
    return Job(name="tests.work", model=Work, work=work, deadline=MINUTE, **options)


def count_effect(row: Work) -> dict[str, Any]:
    Work.objects.filter(pk=row.pk).update(effect_count=F("effect_count") + 1)
    return {"state": "effective"}


def test_the_outcome_is_saved_together_with_its_effect() -> None:
    row = due()
    run(job(lambda row, hold: Done(effect=lambda: count_effect(row))), pk=row.pk)
    row.refresh_from_db()
    assert (row.state, row.effect_count, row.not_before, row.lease_until) == ("effective", 1, None, None)


def test_a_row_that_is_leased_or_not_due_is_skipped() -> None:
    row, called = Work.objects.create(), []
    assert run(job(lambda row, hold: called.append(row) or Done()), pk=row.pk) is None
    leased = due()
    acquire(model=Work, pk=leased.pk)
    assert run(job(lambda row, hold: called.append(row) or Done()), pk=leased.pk) is None
    assert not called


def test_a_worker_that_lost_its_row_leaves_neither_effect_nor_change() -> None:
    row = due()

    def work(row: Work, hold: Hold) -> Outcome:
        let_lease_end(row)
        assert acquire(model=Work, pk=row.pk)
        return Done({"state": "mine"}, effect=lambda: count_effect(row))

    assert run(job(work), pk=row.pk) is None
    row.refresh_from_db()
    assert (row.state, row.effect_count) == ("waiting", 0)


def test_a_bug_saves_nothing_and_its_lease_expires_as_a_try() -> None:
    row = due()
    with pytest.raises(ZeroDivisionError):
        run(job(lambda row, hold: 1 / 0), pk=row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempt_count, row.lease_until is not None) == ("waiting", 1, True)


def test_a_backoff_remembers_the_first_try_and_a_fixed_wait_does_not() -> None:
    fixed, backed_off = due(), due()
    run(job(lambda row, hold: Later(MINUTE)), pk=fixed.pk)
    run(job(lambda row, hold: Later(Backoff())), pk=backed_off.pk)
    for row in (fixed, backed_off):
        row.refresh_from_db()
        assert row.attempt_count == 0
        assert row.not_before > timezone.now()
    assert fixed.first_tried_at is None
    assert backed_off.first_tried_at is not None


def test_after_the_last_try_the_job_decides() -> None:
    row = due()
    limited = job(
        lambda row, hold: Later(timedelta(0), counts=True, changes={"state": "again"}),
        tries=3,
        exhausted=lambda row, hold, last: Done({"state": f"gave up after {last.changes['state']}"}),
    )
    for _ in range(2):
        run(limited, pk=row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempt_count) == ("again", 2)
    run(limited, pk=row.pk)
    row.refresh_from_db()
    assert (row.state, row.not_before, row.attempt_count) == ("gave up after again", None, 0)


def test_tries_whose_worker_died_count_too_and_the_work_is_not_called_again() -> None:
    row, called = due(attempt_count=3), []
    limited = job(
        lambda row, hold: called.append(row) or Done(),
        tries=3,
        exhausted=lambda row, hold, last: Done({"state": f"gave up: {last}"}),
    )
    run(limited, pk=row.pk)
    row.refresh_from_db()
    assert (row.state, called) == ("gave up: None", [])


def test_what_a_dead_worker_left_is_recovered_before_the_tries_are_counted() -> None:
    row = due(attempt_count=99)
    recovering = job(
        lambda row, hold: Done({"state": "worked"}), recover=lambda row, hold: Done({"state": "recovered"})
    )
    run(recovering, pk=row.pk)
    row.refresh_from_db()
    assert row.state == "recovered"


def test_a_job_without_a_limit_goes_on_after_any_number_of_tries() -> None:
    row = due(attempt_count=5000)
    run(job(lambda row, hold: Later(Backoff(), counts=True), tries=None), pk=row.pk)
    row.refresh_from_db()
    assert (row.attempt_count, row.not_before > timezone.now()) == (5001, True)


def test_a_row_that_no_longer_needs_the_work_stays_as_it_is() -> None:
    row = due(state="stopped", attempt_count=99)
    run(
        job(lambda row, hold: Done({"state": "worked"}), applies=lambda row: row.state != "stopped"),
        pk=row.pk,
    )
    row.refresh_from_db()
    assert (row.state, row.not_before) == ("stopped", None)


def test_a_passed_deadline_counts_as_a_try_by_default() -> None:
    def work(row: Work, hold: Hold) -> Outcome:
        raise DeadlineExceeded

    usual, special = due(), due()
    run(job(work), pk=usual.pk)
    run(job(work, overtime=lambda row, hold: Done({"state": "uncertain"})), pk=special.pk)
    usual.refresh_from_db()
    special.refresh_from_db()
    assert (usual.attempt_count, usual.not_before is not None) == (1, True)
    assert (special.state, special.not_before) == ("uncertain", None)


def test_a_guard_in_the_final_transaction_can_leave_the_row_as_it_is() -> None:
    row = due()
    guarded = job(
        lambda row, hold: Done({"state": "worked"}, effect=lambda: count_effect(row)), guard=lambda row: False
    )
    run(guarded, pk=row.pk)
    row.refresh_from_db()
    assert (row.state, row.effect_count, row.not_before) == ("waiting", 0, None)


def test_an_error_declared_as_gone_leaves_the_row_as_it_is() -> None:
    def refuse() -> None:
        raise Withdrawn

    row = due()
    run(job(lambda row, hold: Done({"state": "worked"}, effect=refuse), gone=(Withdrawn,)), pk=row.pk)
    row.refresh_from_db()
    assert (row.state, row.not_before, row.lease_until) == ("waiting", None, None)


def test_work_that_repeats_is_due_again_with_fresh_tries() -> None:
    row = due(attempt_count=4)
    run(job(lambda row, hold: Done(again_in=MINUTE)), pk=row.pk)
    row.refresh_from_db()
    assert (row.attempt_count, row.first_tried_at, row.not_before > timezone.now()) == (0, None, True)


def test_at_once_works_on_the_row_again_in_the_same_call() -> None:
    row = due()

    def work(row: Work, hold: Hold) -> Outcome:
        if row.state == "waiting":
            return Done({"state": "confirmed", "not_before": from_now()}, at_once=True)
        return Done({"state": "fetched"})

    run(job(work), pk=row.pk)
    row.refresh_from_db()
    assert row.state == "fetched"


def test_a_row_that_was_scheduled_while_it_was_worked_on_is_due_again() -> None:
    def work(row: Work, hold: Hold) -> Outcome:
        schedule(Work.objects.filter(pk=row.pk))
        return Later(timedelta(hours=1))

    row = due()
    run(job(work), pk=row.pk)
    assert acquire(model=Work, pk=row.pk) is not None


def test_a_worker_that_lost_its_row_cannot_save_a_step() -> None:
    row = due()

    def work(row: Work, hold: Hold) -> Outcome:
        let_lease_end(row)
        assert acquire(model=Work, pk=row.pk)
        with hold.step():
            count_effect(row)
        return Done()

    assert run(job(work), pk=row.pk) is None
    row.refresh_from_db()
    assert row.effect_count == 0


def test_rows_that_wait_for_a_service_become_due_at_once_and_keep_their_order() -> None:
    now = timezone.now()
    waits = [timedelta(days=1), timedelta(seconds=30), timedelta(hours=2)]
    # In these tests a number takes the place of the service.
    waiting = [Work.objects.create(effect_count=7, attempt_count=2, not_before=now + each) for each in waits]
    other = Work.objects.create(effect_count=8, not_before=now + MINUTE)
    done = Work.objects.create(effect_count=7)
    long_due = due(effect_count=7)
    leased = Work.objects.create(effect_count=7, not_before=now + MINUTE, lease_until=now + MINUTE)
    waiting_job = job(lambda row, hold: Done(), waits_for="effect_count")
    with only(waiting_job):
        wake(Work(pk=7))
    later = Work.objects.filter(not_before__gt=from_now())
    assert set(later) == {other, leased}
    done.refresh_from_db()
    assert done.not_before is None
    due_rows = Work.objects.filter(pk__in=[row.pk for row in [*waiting, long_due]]).order_by("not_before")
    assert list(due_rows) == [long_due, waiting[1], waiting[2], waiting[0]]
    assert [row.attempt_count for row in due_rows] == [0, 2, 2, 2]


def test_a_deadline_that_passes_at_the_last_try_ends_as_a_worker_that_died_does() -> None:
    def work(row: Work, hold: Hold) -> Outcome:
        raise DeadlineExceeded

    row, ended_in = due(attempt_count=2), []
    run(job(work, tries=3, exhausted=lambda row, hold, last: ended_in.append(last) or Done()), pk=row.pk)
    row.refresh_from_db()
    assert (ended_in, row.not_before) == ([None], None)
