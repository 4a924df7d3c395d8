"""An exam with a damaged file is not READY, and stays visible if the file cannot be fetched again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exams.models import Submission
from exams.services.fetch.job import check_again
from exams.services.holds.holding import resume_linked, retry_submissions
from exams.services.maintenance.verifying import verify_files
from integrations.models import Link, Service
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.rows import ago

Submit = Callable[..., CloudSubmission]


def damage(media_root: Path, row: Submission, *, position: int = 1) -> None:
    path = media_root / row.captures.get(position=position).file
    path.write_bytes(b"damaged " + path.read_bytes())
    assert verify_files(is_everything=True).damaged == 1


def of(row: Submission, state: str) -> int:
    return row.captures.filter(state=state).count()


@pytest.fixture
def exam(portal: Portal, submit: Submit, media_root: Path) -> Submission:
    """A ready exam with one damaged capture, due to be fetched again."""
    row = portal.receive(submit())
    damage(media_root, row)
    return row


def test_an_exam_that_the_cloud_no_longer_has_fails_and_keeps_its_stored_files(
    portal: Portal, exam: Submission, cloud: Cloud
) -> None:
    total = exam.captures.count()
    cloud.fault(match="download", kind="status", status=410, times=4)
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.not_before, exam.stored_count) == ("failed", None, total - 1)
    assert exam.failure_reason == "data_gone"
    assert exam.failure_sentence.endswith(f"{total - 1} of {total} captures arrived.")
    assert (of(exam, "stored"), of(exam, "failed")) == (total - 1, 1)
    cloud.clear_faults()
    retry_submissions(queryset=Submission.objects.all(), user=None, address=None)
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.stored_count) == ("ready", total)


def test_an_exam_that_waits_for_its_capture_is_not_ready_meanwhile(
    portal: Portal, exam: Submission, cloud: Cloud
) -> None:
    cloud.fault(match="download", kind="status", status=404, body="json", times=4)
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.not_before is not None) == ("fetching", True)
    Submission.objects.update(not_ready_since=ago(hours=25))
    portal.make_due()
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.not_before) == ("failed", None)


def test_an_exam_whose_attempts_are_used_up_fails(portal: Portal, exam: Submission) -> None:
    Submission.objects.update(attempt_count=12)
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.not_before) == ("failed", None)
    assert exam.failure_reason == "too_many_tries"


def test_a_complete_exam_whose_attempts_are_used_up_stays_ready(portal: Portal, submit: Submit) -> None:
    row = portal.receive(submit())
    check_again(submission=row, user=None, address=None)
    Submission.objects.update(attempt_count=12)
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.not_before) == ("ready", None)


def test_an_exam_whose_customer_has_unlinked_waits_for_the_link(portal: Portal, exam: Submission) -> None:
    Link.objects.update(state=Link.State.UNLINKED)
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.hold_reason, exam.not_before) == ("held", "unlinked", None)
    Link.objects.update(state=Link.State.CONFIRMED)
    assert resume_linked(service=portal.service) == 1
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.stored_count) == ("ready", exam.captures.count())


def test_an_exam_at_a_foreign_address_fails_and_stays_visible(portal: Portal, exam: Submission) -> None:
    address = exam.download_url
    Submission.objects.update(download_url="https://elsewhere.example.com/data/")
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.not_before) == ("failed", None)
    assert exam.failure_reason == "not_checked_foreign"
    Submission.objects.update(download_url=address)
    retry_submissions(queryset=Submission.objects.all(), user=None, address=None)
    portal.work()
    exam.refresh_from_db()
    assert exam.state == "ready"


def test_an_exam_of_a_service_that_is_switched_off_waits_and_is_not_ready(
    portal: Portal, exam: Submission
) -> None:
    Service.objects.update(is_active=False)
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.not_before is not None) == ("fetching", True)


def test_a_capture_found_damaged_while_its_exam_is_fetched_comes_again(
    portal: Portal,
    exam: Submission,
    media_root: Path,
    before_the_first_file: Callable[[Callable[[], object]], None],
) -> None:
    before_the_first_file(lambda: damage(media_root, exam, position=2))
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, of(exam, "pending"), of(exam, "failed")) == ("fetching", 1, 0)
    portal.make_due()
    portal.work()
    exam.refresh_from_db()
    assert (exam.state, exam.stored_count) == ("ready", exam.captures.count())
