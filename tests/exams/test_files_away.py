"""Files on a failing or unmounted disk do not count as damaged; wrong bytes and single missing files do."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.roles import ADMINISTRATORS
from background.models import OutgoingMail
from background.runner import run
from exams import storage
from exams.models import Capture, MaintenanceTask, Submission
from exams.services.maintenance import verifying
from exams.services.maintenance.tasks import MAINTAIN
from exams.services.maintenance.verifying import FilesAway, verify_files
from tests.cloud import CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.rows import ago
from tests.people import make_person

Submit = Callable[..., CloudSubmission]


@pytest.fixture
def exam(portal: Portal, submit: Submit) -> Submission:
    make_person("administrator", ADMINISTRATORS, is_staff=True)
    return portal.receive(submit())


def is_as_it_was(exam: Submission) -> bool:
    exam.refresh_from_db()
    rows = exam.captures.all()
    return (exam.state, exam.not_before) == ("ready", None) and all(
        (row.state, row.file) == ("stored", f"files/{row.sha256[:2]}/{row.sha256}") for row in rows
    )


def cannot_be_opened(monkeypatch: pytest.MonkeyPatch, path: str, number: int) -> None:
    """Return a function that makes reading one stored file fail with this error."""
    real, hurt = Path.open, storage.full_path(path)

    def refuse(self: Path, *args: Any, **options: Any) -> Any:
        if self == hurt:
            raise OSError(number, "not now")
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)


def alerts() -> list[str]:
    return list(OutgoingMail.objects.values_list("subject", flat=True))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ESTALE, errno.EACCES])
@pytest.mark.parametrize("is_everything", [False, True])
def test_a_file_that_cannot_be_read_is_left_unchanged_and_reported(
    number: int, is_everything: bool, exam: Submission, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurt = exam.captures.get(position=1)

    cannot_be_opened(monkeypatch, hurt.file, number)
    settings.VERIFY_SAMPLE = 500
    found = verify_files(is_everything=is_everything)
    assert (found.checked, found.damaged, found.unread) == (exam.captures.count() - 1, 0, 1)
    assert str(found).endswith(" 0 damaged, 1 could not be read")
    assert is_as_it_was(exam)
    assert alerts() == ["Stored files could not be read"]
    monkeypatch.undo()
    assert verify_files(is_everything=True) == verifying.Verified(checked=exam.captures.count())


def test_a_rendition_that_cannot_be_read_is_kept(exam: Submission, monkeypatch: pytest.MonkeyPatch) -> None:
    small = storage.store_upload([b"a small picture"])
    Capture.objects.update(thumbnail=small.path, not_before=None)

    cannot_be_opened(monkeypatch, small.path, errno.EIO)
    assert verify_files(is_everything=True).unread == exam.captures.count()
    assert set(Capture.objects.values_list("thumbnail", "not_before")) == {(small.path, None)}


@pytest.mark.parametrize("is_everything", [False, True])
@pytest.mark.parametrize("is_folder_left", [False, True])
def test_files_that_are_all_missing_do_not_count_as_damaged(
    is_folder_left: bool, is_everything: bool, exam: Submission, media_root: Path
) -> None:
    shutil.move(media_root / "files", media_root.parent / "elsewhere")
    if is_folder_left:
        (media_root / "files").mkdir()
    with pytest.raises(FilesAway):
        verify_files(is_everything=is_everything)
    assert is_as_it_was(exam)
    assert alerts() == ["Stored files are unavailable"]


def test_a_new_file_where_the_disk_is_not_mounted_makes_no_other_file_damaged(
    exam: Submission, portal: Portal, submit: Submit, media_root: Path
) -> None:
    shutil.move(media_root / "files", media_root.parent / "elsewhere")
    other = portal.cloud.call("GET", "exams/")[1]["slug"]
    portal.receive(submit(exam=other, capture_count=1))
    with pytest.raises(FilesAway):
        verify_files()
    assert is_as_it_was(exam)


def test_the_task_is_interrupted_and_runs_again_when_the_disk_is_back(
    exam: Submission, media_root: Path, settings: Any
) -> None:
    settings.VERIFY_SAMPLE = 500
    task = MaintenanceTask.objects.get(name="verify_files")
    shutil.move(media_root / "files", media_root.parent / "elsewhere")
    for result in ("interrupted: FilesAway", f"{exam.captures.count()} files checked, 0 damaged"):
        MaintenanceTask.objects.filter(pk=task.pk).update(not_before=ago(seconds=5))
        run(MAINTAIN, pk=task.pk)
        task.refresh_from_db()
        assert (task.result, task.not_before is not None) == (result, True)
        if not (media_root / "files").exists():
            shutil.move(media_root.parent / "elsewhere", media_root / "files")
    assert is_as_it_was(exam)


@pytest.mark.django_db
def test_a_portal_without_files_reports_none_as_missing(media_root: Path) -> None:
    assert str(verify_files(is_everything=True)) == "0 files checked, 0 damaged"
