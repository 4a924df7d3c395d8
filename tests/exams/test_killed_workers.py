"""A worker that is killed in the middle loses nothing and sends nothing twice."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from background.jobs import schedule
from exams import storage
from exams.models import Report, Submission
from exams.services.delivery import deliver_report
from exams.services.fetch import fetch_submission
from exams.services.states import move_reports
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.rows import ago

Submit = Callable[..., CloudSubmission]
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def worker(job: str, pk: int, media_root: Path, *dies_at: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one job in a process that is killed in the end, if it still runs."""
    database = {name: str(connection.settings_dict[name]) for name in ("NAME", "USER", "HOST", "PORT")}
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TEST_DATABASE": json.dumps(database),
        "MEDIA_ROOT": str(media_root),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.exams.worker", job, str(pk), *dies_at], cwd=ROOT, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "the worker ended by itself"
        assert time.monotonic() < end, "it did not come to this"
        time.sleep(0.05)


def test_a_worker_killed_in_the_middle_of_a_download(
    portal: Portal, submit: Submit, cloud: Cloud, media_root: Path
) -> None:
    sent = submit()
    portal.poll()
    row = portal.row(sent)
    cloud.fault(match="media", kind="drip", times=100, seconds=60)
    with worker("fetch", row.pk, media_root) as process:
        wait_until(lambda: list((media_root / "tmp").glob("*")), process)
    row.refresh_from_db()
    assert (row.state, row.attempt_count) == ("fetching", 1)
    # Nobody else may take it before the lease has ended.
    fetch_submission(pk=row.pk)
    assert portal.row(sent).stored_count == 0
    cloud.clear_faults()
    Submission.objects.update(lease_until=ago(seconds=1))
    fetch_submission(pk=row.pk)
    row = portal.row(sent)
    assert row.state == "ready"
    assert [each.sha256 for each in row.captures.all()] == [each.sha256 for each in sent.captures]
    for capture in row.captures.all():
        assert storage.size(capture.file) == capture.size


def test_a_worker_killed_while_it_sends_a_report(
    portal: Portal, submit: Submit, cloud: Cloud, media_root: Path
) -> None:
    row = portal.receive(submit(capture_count=1))
    stored = storage.store_upload([b"%PDF-1.7", b" report" * 1000])
    report = Report.objects.create(
        submission=row,
        name="Echo",
        file_name="echo.pdf",
        file=stored.path,
        sha256=stored.sha256,
        size=stored.size,
        media_type=stored.media_type,
    )
    move_reports(Report.objects.all(), to="signed", signed_at=timezone.now())
    schedule(model=Report, pk=report.pk)
    cloud.fault(match="report", kind="delay", times=1, seconds=15)
    with worker("deliver", report.pk, media_root) as process:
        wait_until(lambda: Report.objects.filter(state="sending").exists(), process)
    Report.objects.update(lease_until=ago(seconds=1))
    deliver_report(pk=report.pk)
    report.refresh_from_db()
    assert report.state == "uncertain"
    assert len(cloud.reports()) <= 1
