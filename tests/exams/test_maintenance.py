"""Files are cleaned up and verified automatically."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.roles import ADMINISTRATORS
from audit.models import Entry
from background.models import OutgoingMail
from background.runner import jobs, run
from exams import storage
from exams.models import Capture, MaintenanceTask, Report
from exams.services.maintenance.tasks import MAINTAIN, TASKS
from exams.services.maintenance.verifying import verify_files
from tests.cloud import CloudSubmission
from tests.exams.cast import add_report
from tests.exams.conftest import Portal
from tests.exams.rows import ago, in_parallel
from tests.people import logged_in, make_person

Submit = Callable[..., CloudSubmission]


def due(name: str) -> MaintenanceTask:
    MaintenanceTask.objects.filter(name=name).update(not_before=ago(seconds=5))
    return MaintenanceTask.objects.get(name=name)


def flip_a_byte(media_root: Path, path: str) -> None:
    file = media_root / path
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(body)


@pytest.mark.django_db
def test_every_maintenance_task_has_a_row_that_a_worker_takes() -> None:
    assert (
        set(MaintenanceTask.objects.values_list("name", flat=True))
        == set(MaintenanceTask.Name.values)
        == set(TASKS)
    )
    assert [job.name for job in jobs() if job.model is MaintenanceTask] == ["exams.do_maintenance"]


@pytest.mark.django_db(transaction=True)
def test_orphans_are_deleted_once_a_day_whoever_runs_the_task(media_root: Path) -> None:
    storage.store_upload([b"orphan"])
    (orphan,) = (media_root / "files").glob("*/*")
    yesterday = (timezone.now() - timedelta(hours=25)).timestamp()
    os.utime(orphan, (yesterday, yesterday))
    task = due("collect_files")
    in_parallel(3, lambda: run(MAINTAIN, pk=task.pk))
    assert not orphan.exists()
    task.refresh_from_db()
    assert task.result == "1 files removed"
    assert abs(task.not_before - timezone.now() - timedelta(days=1)) < timedelta(minutes=1)
    assert (task.attempt_count, task.lease_until) == (0, None)


@pytest.mark.django_db
def test_expired_sessions_are_removed_once_a_day() -> None:
    kept, expired = (logged_in(make_person(name)) for name in ("kept", "expired"))
    session = expired.session
    session.set_expiry(-60)
    session.save()
    task = due("clear_sessions")
    run(MAINTAIN, pk=task.pk)
    assert Session.objects.count() == 1
    assert kept.get("/preferences/").status_code == 200
    task.refresh_from_db()
    assert (task.result, task.not_before is not None) == ("expired sessions removed", True)


def test_a_damaged_file_is_found_reported_and_fetched_again(
    portal: Portal, submit: Submit, media_root: Path
) -> None:
    administrator = make_person("administrator", ADMINISTRATORS, is_staff=True)
    sent = submit()
    row = portal.receive(sent)
    hurt = row.captures.get(position=1)
    flip_a_byte(media_root, hurt.file)
    run(MAINTAIN, pk=due("verify_files").pk)
    hurt.refresh_from_db()
    assert (hurt.state, hurt.file) == ("pending", "")
    assert portal.row(sent).stored_count == len(sent.captures) - 1
    assert Entry.objects.get(action="file.damaged").target_id == str(hurt.uuid)
    assert OutgoingMail.objects.get().recipient == administrator.email
    portal.work()
    row = portal.row(sent)
    assert (row.state, row.stored_count) == ("ready", len(sent.captures))
    assert [each.sha256 for each in row.captures.all()] == [each.sha256 for each in sent.captures]
    assert str(verify_files(is_everything=True)).endswith(" 0 damaged")


def test_a_missing_file_is_fetched_again_as_well(portal: Portal, submit: Submit, media_root: Path) -> None:
    sent = submit(capture_count=1)
    (media_root / portal.receive(sent).captures.get().file).unlink()
    assert verify_files().damaged == 1
    portal.work()
    assert (media_root / portal.row(sent).captures.get().file).is_file()


def test_a_damaged_report_is_reported_and_left_unchanged(
    portal: Portal, submit: Submit, media_root: Path
) -> None:
    report = add_report(portal.receive(submit(capture_count=1)))
    flip_a_byte(media_root, report.file)
    with pytest.raises(CommandError):
        call_command("verify_files", "--all")
    assert Entry.objects.get(action="file.damaged").target_id == str(report.uuid)
    assert Report.objects.values_list("state", "file").get() == (report.state, report.file)
    assert mail.outbox == []


def test_a_damaged_rendition_of_a_capture_is_made_again(
    portal: Portal, submit: Submit, media_root: Path
) -> None:
    capture = portal.receive(submit(capture_count=1)).captures.get()
    small = storage.store_upload([b"a small picture"])
    Capture.objects.update(thumbnail=small.path, not_before=None)
    flip_a_byte(media_root, small.path)
    assert verify_files().damaged == 0
    capture.refresh_from_db()
    assert (capture.state, capture.thumbnail, capture.not_before is not None) == ("stored", "", True)
