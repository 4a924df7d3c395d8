"""A worker that dies between the first byte of a file and its row leaves no partial file and no wrong row."""

import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread

import pytest
from django.db import connection

from background.runner import run
from exams.models import Capture, Submission
from exams.services.fetch.job import FETCH
from exams.services.maintenance.cleaning import collect_files
from exams.services.maintenance.verifying import verify_files
from exams.storage import store_upload
from tests.cloud import CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.crash_points import EXIT_CODE, POINTS
from tests.exams.killing import worker
from tests.exams.rows import ago

Submit = Callable[..., CloudSubmission]


def files(media_root: Path) -> set[str]:
    return {str(path.relative_to(media_root)) for path in media_root.rglob("*") if path.is_file()}


def stored_files(media_root: Path) -> set[str]:
    """Return the files that rows name, after checking their hashes and sizes."""
    rows = Capture.objects.stored()
    for row in rows:
        body = (media_root / row.file).read_bytes()
        assert (hashlib.sha256(body).hexdigest(), len(body)) == (row.sha256, row.size)
    return set(rows.values_list("file", flat=True))


def test_a_named_file_that_a_dead_cleaner_had_moved_aside_is_put_back(
    portal: Portal, submit: Submit, media_root: Path
) -> None:
    kept = media_root / portal.receive(submit(capture_count=1)).captures.get().file
    orphan = media_root / store_upload([b"named by nobody"]).path
    # The cleaner has moved the file and checks it again; the same bytes were stored again just before.
    for path in (kept, orphan):
        path.rename(media_root / "tmp" / f"orphan-{path.name}.a1")
        os.utime(media_root / "tmp" / f"orphan-{path.name}.a1", (0, 0))
    # Some backups omit empty folders, and some names were never ours.
    kept.parent.rmdir()
    Path(os.fsdecode(bytes(media_root / "tmp") + b"/orphan-\xff.a1")).touch()
    assert collect_files(older_than=timedelta(0)) == 2
    assert files(media_root) == stored_files(media_root) == {str(kept.relative_to(media_root))}


def test_of_two_cleaners_at_once_neither_removes_a_file_that_was_stored_again(
    portal: Portal, submit: Submit, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = media_root / portal.receive(submit(capture_count=1)).captures.get().file
    body, sha256 = path.read_bytes(), path.name
    Capture.objects.update(state=Capture.State.PENDING, file="", sha256="")
    os.utime(path, (0, 0))
    rename, unlink = Path.rename, Path.unlink
    looked, goes_on, renamed, removed = Event(), Event(), Event(), Event()

    def rename_later(self: Path, target: Path) -> Path:
        if self != path or current_thread() is main_thread():
            return rename(self, target)
        # The first cleaner pauses after checking the file's age; then the second one starts.
        looked.set()
        goes_on.wait(30)
        moved = rename(self, target)
        renamed.set()
        removed.wait(30)
        return moved

    def unlink_later(self: Path, missing_ok: bool = False) -> None:
        if sha256 in self.name and current_thread() is main_thread() and not goes_on.is_set():
            # Before the second one removes it, the same bytes are stored again, and the first one continues.
            Capture.objects.update(state=Capture.State.STORED, file=store_upload([body]).path, sha256=sha256)
            goes_on.set()
            assert renamed.wait(30)
        unlink(self, missing_ok=missing_ok)
        if current_thread() is main_thread():
            removed.set()

    monkeypatch.setattr(Path, "rename", rename_later)
    monkeypatch.setattr(Path, "unlink", unlink_later)
    first = Thread(target=_collect)
    first.start()
    assert looked.wait(30)
    collect_files()
    first.join(30)
    assert goes_on.is_set()
    assert files(media_root) == stored_files(media_root)


def _collect() -> None:
    try:
        collect_files()
    finally:
        connection.close()


@pytest.mark.parametrize("point", POINTS)
def test_a_file_is_whole_or_has_no_row_wherever_its_writer_dies(
    point: str, portal: Portal, submit: Submit, media_root: Path
) -> None:
    first, other = (exam["slug"] for exam in portal.cloud.call("GET", "exams/")[:2])
    before = portal.receive(submit(exam=first, capture_count=1)).captures.get().file
    # Different bytes, because identical ones would be the same file.
    sent = submit(exam=other, capture_count=1)
    portal.poll()
    row = portal.row(sent)
    with worker("fetch", row.pk, media_root, point) as process:
        assert process.wait(seconds=60) == EXIT_CODE
    row.refresh_from_db()
    assert (row.state, row.stored_count) == ("fetching", 0)
    assert stored_files(media_root) == {before}
    (left,) = files(media_root) - {before}
    assert left.startswith("files/" if point in ("named", "not committed") else "tmp/")
    assert collect_files(older_than=timedelta(0)) == 1
    assert files(media_root) == {before}
    Submission.objects.update(lease_until=ago(seconds=1))
    run(FETCH, pk=row.pk)
    assert [each.sha256 for each in row.captures.all()] == [each.sha256 for each in sent.captures]
    assert files(media_root) == stored_files(media_root)
    assert portal.row(sent).state == "ready"
    assert str(verify_files(is_everything=True)) == "2 files checked, 0 damaged"
