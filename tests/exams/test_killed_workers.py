"""A worker that is killed in the middle of a job loses nothing and sends nothing twice."""

from collections.abc import Callable
from pathlib import Path

from django.utils import timezone

from background.due import schedule
from background.runner import run
from exams import storage
from exams.models import Report, Submission
from exams.services.fetch.job import FETCH
from exams.services.reports.delivery import DELIVER
from exams.services.transitions import move_reports
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.killing import wait_until, worker
from tests.exams.rows import ago

Submit = Callable[..., CloudSubmission]


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
    # No other worker may take it before the lease has expired.
    run(FETCH, pk=row.pk)
    assert portal.row(sent).stored_count == 0
    cloud.clear_faults()
    Submission.objects.update(lease_until=ago(seconds=1))
    run(FETCH, pk=row.pk)
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
    schedule(Report.objects.filter(pk=report.pk))
    cloud.fault(match="report", kind="delay", times=1, seconds=15)
    with worker("deliver", report.pk, media_root) as process:
        wait_until(lambda: Report.objects.filter(state="sending").exists(), process)
    Report.objects.update(lease_until=ago(seconds=1))
    run(DELIVER, pk=report.pk)
    report.refresh_from_db()
    assert report.state == "uncertain"
    assert len(cloud.reports()) <= 1
