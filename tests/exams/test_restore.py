"""After restoring a database with an older folder of files, missing files are fetched again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from audit.models import Entry
from exams import storage
from exams.models import Capture
from exams.services.maintenance.verifying import verify_files
from tests.cloud import CloudSubmission
from tests.exams.cast import add_report
from tests.exams.conftest import Portal

Submit = Callable[..., CloudSubmission]


def test_files_newer_than_the_copy_are_listed_and_fetched_again(
    portal: Portal, submit: Submit, media_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = (exam["slug"] for exam in portal.cloud.call("GET", "exams/")[:2])
    kept = portal.receive(submit(exam=first, capture_count=1))
    shutil.copytree(media_root, tmp_path / "copy")
    sent = submit(exam=other)
    lost = portal.receive(sent)
    report = add_report(lost)
    count = lost.captures.count()
    shutil.rmtree(media_root)
    shutil.copytree(tmp_path / "copy", media_root)

    with pytest.raises(CommandError):
        call_command("verify_files", "--all")
    assert f"{count + 2} files checked, {count + 1} damaged" in capsys.readouterr().out
    listed = Entry.objects.filter(action="file.damaged").values_list("target_id", flat=True)
    captures = list(lost.captures.all())
    assert set(listed) == {str(row.uuid) for row in [*captures, report]}
    assert {(row.state, row.file) for row in captures} == {("pending", "")}
    assert kept.captures.get().state == "stored"

    portal.work()
    row = portal.row(sent)
    assert (row.state, row.stored_count) == ("ready", count)
    assert [each.sha256 for each in row.captures.all()] == [each.sha256 for each in sent.captures]
    assert all(storage.size(each.file) == each.size for each in Capture.objects.stored())
    # Only the report must come from another backup, because the Cloud does not return reports.
    assert verify_files(is_everything=True).damaged == 1
