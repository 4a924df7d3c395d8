"""Limits of a fetch, checks of fetched exams, and interruptions."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from background.leases import DeadlineExceeded, LeaseLost
from background.runner import run
from exams.models import Capture, Submission
from exams.services.fetch.job import FETCH, check_again
from exams.services.holds.holding import stop_submissions
from exams.services.maintenance.actions import GIVE_UP
from integrations.clarius import errors
from integrations.models import Link, Service
from tests.around import Around
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.rows import ago

Submit = Callable[..., CloudSubmission]


def hashes(row: Submission) -> list[str]:
    return [capture.sha256 for capture in row.captures.filter(state="stored")]


def sent_hashes(sent: CloudSubmission) -> list[str]:
    return [capture.sha256 for capture in sent.captures]


def temporary_files(media_root: Path) -> list[Path]:
    return list((media_root / "tmp").glob("*"))


def test_a_file_above_the_limit_fails_and_leaves_nothing(
    portal: Portal, submit: Submit, settings: Any, media_root: Path
) -> None:
    settings.CAPTURE_MAX_MB = 0
    row = portal.receive(submit())
    assert row.state == "failed"
    assert {capture.failure_reason for capture in row.captures.all()} == {"file_too_large"}
    assert temporary_files(media_root) == []


def test_a_submission_above_the_limit_keeps_what_fits(portal: Portal, submit: Submit, settings: Any) -> None:
    sent = submit()
    settings.SUBMISSION_MAX_MB = min(capture.size for capture in sent.captures) / (1 << 20)
    row = portal.receive(sent)
    assert row.state == "failed"
    assert row.stored_count < len(sent.captures)


def test_a_full_disk_pauses_and_costs_no_attempt(
    portal: Portal, submit: Submit, settings: Any, media_root: Path
) -> None:
    sent = submit()
    settings.MIN_FREE_MB = 1 << 40
    row = portal.receive(sent)
    assert (row.state, row.attempt_count, row.stored_count) == ("fetching", 0, 0)
    assert row.failure_reason == "no_room"
    settings.MIN_FREE_MB = 0
    portal.make_due()
    portal.work()
    assert hashes(portal.row(sent)) == sent_hashes(sent)


def test_checking_again_removes_nothing_and_fetches_nothing_twice(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    sent = submit()
    row = portal.receive(sent)
    before, read_at = hashes(row), row.data_read_at
    fetched = len(cloud.calls(path="/media/"))
    check_again(submission=row, user=None, address=None)
    portal.work()
    row.refresh_from_db()
    assert (row.state, hashes(row)) == ("ready", before)
    assert row.data_read_at > read_at
    assert len(cloud.calls(path="/media/")) == fetched


def test_a_failed_check_leaves_a_ready_exam_unchanged(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    row = portal.receive(submit())
    check_again(submission=row, user=None, address=None)
    cloud.fault(match="download", kind="status", status=410, times=4)
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.failure_reason) == ("ready", "data_gone")


def test_an_exam_that_is_stopped_while_it_is_fetched_stays_stopped(
    portal: Portal, submit: Submit, before_the_first_file: Callable[[Callable[[], object]], None]
) -> None:
    sent = submit()
    portal.poll()
    before_the_first_file(
        lambda: stop_submissions(queryset=Submission.objects.all(), user=None, address=None)
    )
    portal.work()
    row = portal.row(sent)
    assert (row.state, row.hold_reason, row.not_before) == ("held", "stopped", None)


def test_a_worker_that_lost_its_lease_writes_nothing(
    portal: Portal,
    submit: Submit,
    around: Around,
    before_the_first_file: Callable[[Callable[[], object]], None],
) -> None:
    sent = submit()
    portal.poll()
    before_the_first_file(lambda: Submission.objects.update(lease_token=99))
    portal.work()
    row = portal.row(sent)
    assert (row.state, row.stored_count) == ("fetching", 0)
    assert not Capture.objects.filter(state="stored").exists()
    # The lease expires, and the next worker finishes the work.
    around.end()
    Submission.objects.update(lease_until=ago(minutes=1))
    portal.make_due()
    run(FETCH, pk=row.pk)
    assert hashes(portal.row(sent)) == sent_hashes(sent)


@pytest.mark.parametrize("error", [LeaseLost("slept"), DeadlineExceeded("late")])
def test_a_file_given_up_under_a_lease_that_came_back_does_not_count_as_unlisted(
    error: Exception,
    portal: Portal,
    submit: Submit,
    around: Around,
    before_the_first_file: Callable[[Callable[[], object]], None],
) -> None:
    def give_up() -> None:
        raise error

    sent = submit()
    before_the_first_file(give_up)
    row = portal.receive(sent)
    around.end()
    assert row.state == "fetching"
    assert not row.captures.filter(state="failed").exists()
    Submission.objects.update(lease_until=ago(seconds=1))
    portal.make_due()
    portal.work()
    assert hashes(portal.row(sent)) == sent_hashes(sent)


def test_identical_files_are_stored_once(portal: Portal, submit: Submit, media_root: Path) -> None:
    first, second = submit(), submit()
    portal.poll()
    portal.work()
    assert hashes(portal.row(first)) == hashes(portal.row(second))
    stored = {path.name for path in (media_root / "files").rglob("*") if path.is_file()}
    assert stored == set(sent_hashes(first))


def test_a_disk_that_fills_up_in_the_middle_pauses_fetching_and_leaves_no_partial_file(
    portal: Portal, submit: Submit, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = submit()
    portal.poll()

    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    # Folders are created beforehand, so that only files hit the full disk.
    (media_root / "tmp").mkdir(parents=True)
    monkeypatch.setattr(os, "fsync", fail)
    portal.work()
    row = portal.row(sent)
    assert (row.state, row.attempt_count, row.stored_count) == ("fetching", 0, 0)
    assert temporary_files(media_root) == []
    monkeypatch.undo()
    portal.make_due()
    portal.work()
    assert hashes(portal.row(sent)) == sent_hashes(sent)


def test_a_resumed_submission_is_fetched_although_its_customer_is_not_linked(
    portal: Portal, submit: Submit
) -> None:
    sent = submit()
    portal.poll()
    Link.objects.all().delete()
    Submission.objects.update(resumed_at=ago(seconds=1))
    portal.work()
    assert portal.row(sent).state == "ready"


def test_a_ready_exam_is_not_asked_for_after_the_link_has_ended(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    row = portal.receive(submit())
    asked = len(cloud.calls())
    Link.objects.all().delete()
    check_again(submission=row, user=None, address=None)
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.not_before) == ("ready", None)
    assert len(cloud.calls()) == asked


def test_a_service_that_is_switched_off_is_not_called(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    sent = submit()
    portal.poll()
    asked = len(cloud.calls())
    Service.objects.update(is_active=False)
    portal.work()
    row = portal.row(sent)
    assert (row.state, row.attempt_count, row.not_before is not None) == ("received", 0, True)
    assert len(cloud.calls()) == asked


def test_an_exam_that_was_given_up_during_the_try_keeps_that_reason(
    portal: Portal, submit: Submit, around: Around
) -> None:
    def give_up_meanwhile(real: Any, **options: Any) -> Any:
        GIVE_UP.service(queryset=Submission.objects.all(), user=None, address=None)
        raise errors.Unreachable("The connection broke.")

    sent = submit()
    portal.poll()
    around.call("download_data", give_up_meanwhile)
    portal.work()
    row = portal.row(sent)
    assert (row.state, row.failure_reason, row.not_before) == ("failed", "given_up", None)


def test_an_exam_whose_deadline_passes_at_the_last_try_fails_with_a_reason(
    portal: Portal, submit: Submit, around: Around
) -> None:
    def take_too_long(real: Any, **options: Any) -> Any:
        raise DeadlineExceeded

    sent = submit()
    portal.poll()
    Submission.objects.update(attempt_count=11, first_tried_at=ago(hours=12))
    around.call("download_data", take_too_long)
    portal.work()
    row = portal.row(sent)
    assert (row.state, row.failure_reason) == ("failed", "too_many_tries")
