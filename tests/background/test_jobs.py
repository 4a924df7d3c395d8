"""Registering work and making rows due."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from background.due import schedule
from background.mail import SEND
from background.models import OutgoingMail
from background.runner import Job, jobs, register
from tests.background.rows import Work
from tests.background.service import due, work_on


def test_a_job_may_be_declared_again_but_not_differently(only_job: Job) -> None:
    register(only_job)
    assert jobs() == (only_job,)
    with pytest.raises(ValueError, match="twice"):
        register(replace(only_job, model=OutgoingMail))


def test_outgoing_mail_is_a_job() -> None:
    assert SEND in jobs()


def test_scheduling_makes_a_row_due_with_fresh_attempts(rows: None) -> None:
    row = Work.objects.create(attempt_count=7, first_tried_at=timezone.now(), nudged_until=timezone.now())
    assert schedule(Work.objects.filter(pk=row.pk)) == 1
    row.refresh_from_db()
    assert (row.attempt_count, row.first_tried_at, row.nudged_until) == (0, None, None)
    assert work_on(row.pk)


def test_a_row_is_due_as_soon_as_it_is_scheduled(rows: None) -> None:
    for _ in range(100):
        row = Work.objects.create()
        schedule(Work.objects.filter(pk=row.pk))
        assert work_on(row.pk)
        assert work_on(Work.objects.create(not_before=timezone.now()).pk)


def test_many_rows_can_be_scheduled_for_later(rows: None) -> None:
    later = timezone.now() + timedelta(hours=1)
    for _ in range(3):
        due()
    assert schedule(Work.objects.all(), at=later) == 3
    assert set(Work.objects.values_list("not_before", flat=True)) == {later}
