"""A worker that is gone between the first byte of a file and its row leaves no half of either."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from exams.models import Capture, Submission
from exams.services.cleaning import collect_files
from exams.services.fetch import fetch_submission
from exams.services.verifying import verify_files
from tests.cloud import CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.crash_points import EXIT_CODE, POINTS
from tests.exams.rows import ago
from tests.exams.test_killed_workers import worker

Submit = Callable[..., CloudSubmission]


def files(media_root: Path) -> set[str]:
    return {str(path.relative_to(media_root)) for path in media_root.rglob("*") if path.is_file()}


def stored_files(media_root: Path) -> set[str]:
    """Return the files that rows name, each of which has to have the hash and the size that its row says."""
    rows = Capture.objects.stored()
    for row in rows:
        body = (media_root / row.file).read_bytes()
        assert (hashlib.sha256(body).hexdigest(), len(body)) == (row.sha256, row.size)
    return set(rows.values_list("file", flat=True))


@pytest.mark.parametrize("point", POINTS)
def test_a_file_is_whole_or_has_no_row_wherever_its_writer_dies(
    point: str, portal: Portal, submit: Submit, media_root: Path
) -> None:
    first, other = (exam["slug"] for exam in portal.cloud.call("GET", "exams/")[:2])
    before = portal.receive(submit(exam=first, capture_count=1)).captures.get().file
    # Other bytes: the same would be the same file.
    sent = submit(exam=other, capture_count=1)
    portal.poll()
    row = portal.row(sent)
    with worker("fetch", row.pk, media_root, point) as process:
        assert process.wait(timeout=60) == EXIT_CODE
    row.refresh_from_db()
    assert (row.state, row.stored_count) == ("fetching", 0)
    assert stored_files(media_root) == {before}
    (left,) = files(media_root) - {before}
    assert left.startswith("files/" if point in ("named", "not committed") else "tmp/")
    assert collect_files(older_than=timedelta(0)) == 1
    assert files(media_root) == {before}
    Submission.objects.update(lease_until=ago(seconds=1))
    fetch_submission(pk=row.pk)
    assert [each.sha256 for each in row.captures.all()] == [each.sha256 for each in sent.captures]
    assert files(media_root) == stored_files(media_root)
    assert portal.row(sent).state == "ready"
    assert str(verify_files(is_everything=True)) == "2 files checked, 0 damaged"
