"""The Cloud's data about an exam may change, be odd or belong to another exam."""

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest

from audit.models import Entry
from background.models import OutgoingMail
from exams.models import Patient, Report
from exams.services.fetch.job import check_again
from exams.services.reports.changes import SUBJECT
from exams.services.reports.drafts import sign_report
from integrations.clarius import CaptureLink, DownloadData
from tests.around import Around
from tests.cloud import Cloud, CloudSubmission
from tests.exams.cast import add_report
from tests.exams.conftest import Portal

Submit = Callable[..., CloudSubmission]
Edit = Callable[[Callable[[DownloadData], DownloadData]], None]


@pytest.fixture
def edit(around: Around) -> Edit:
    """Return a function that changes the client's data; each change replaces the previous one."""

    def use(change: Callable[[DownloadData], DownloadData]) -> None:
        around.end()
        around.call("download_data", lambda real, **details: change(real(**details)))

    return use


def test_the_data_of_another_submission_is_not_stored(portal: Portal, submit: Submit, edit: Edit) -> None:
    edit(lambda data: replace(data, request_uuid=uuid.uuid4()))
    row = portal.receive(submit())
    assert (row.state, row.attempt_count, row.data_read_at) == ("fetching", 1, None)
    assert row.failure_reason == "other_submission"
    assert not Patient.objects.exists()


def test_an_exam_without_captures_is_ready(portal: Portal, submit: Submit, edit: Edit) -> None:
    edit(lambda data: replace(data, captures=()))
    row = portal.receive(submit())
    assert (row.state, row.capture_count, row.stored_count) == ("ready", 0, 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/",
        "file:///etc/passwd",
        "http://10.0.0.1/x.jpg",
        "https://[x/y",
    ],
)
def test_a_link_that_may_not_be_called_fails_its_capture_alone(
    portal: Portal, submit: Submit, edit: Edit, url: str
) -> None:
    edit(lambda data: replace(data, captures=(CaptureLink(url=url), *data.captures)))
    sent = submit()
    row = portal.receive(sent)
    total = len(sent.captures)
    assert (row.state, row.failure_reason) == ("failed", "incomplete")
    assert row.failure_sentence == f"{total} of {total + 1} captures arrived."
    assert row.captures.get(state="failed").failure_reason == "file_blocked"


def test_a_capture_without_a_link_fails_alone_and_ends_when_it_has_one(
    portal: Portal, submit: Submit, edit: Edit
) -> None:
    edit(lambda data: replace(data, captures=(CaptureLink(url=""), *data.captures[1:])))
    sent = submit()
    row = portal.receive(sent)
    total = len(sent.captures)
    assert (row.state, row.stored_count, row.capture_count) == ("failed", total - 1, total)
    assert row.captures.get(state="failed").failure_reason == "link_missing"
    assert row.patient is not None
    edit(lambda data: data)
    check_again(submission=row, user=None, address=None)
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.capture_count, row.stored_count) == ("ready", total, total)


def test_an_answer_without_a_list_of_captures_keeps_the_patient_and_asks_again(
    portal: Portal, submit: Submit, edit: Edit
) -> None:
    edit(lambda data: replace(data, captures=None))
    row = portal.receive(submit())
    assert (row.state, row.failure_reason) == ("fetching", "no_capture_list")
    assert row.patient is not None
    edit(lambda data: data)
    check_again(submission=row, user=None, address=None)
    portal.work()
    row.refresh_from_db()
    assert row.state == "ready"


def test_checking_again_adds_what_is_new(portal: Portal, submit: Submit, edit: Edit) -> None:
    sent = submit()
    edit(lambda data: replace(data, captures=data.captures[:1]))
    row = portal.receive(sent)
    assert (row.state, row.capture_count) == ("ready", 1)
    edit(lambda data: data)
    check_again(submission=row, user=None, address=None)
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.capture_count, row.stored_count) == ("ready", *[len(sent.captures)] * 2)
    assert [each.sha256 for each in row.captures.all()] == [each.sha256 for each in sent.captures]


def test_a_capture_that_is_no_longer_listed_is_kept(portal: Portal, submit: Submit, edit: Edit) -> None:
    sent = submit()
    row = portal.receive(sent)
    edit(lambda data: replace(data, captures=()))
    check_again(submission=row, user=None, address=None)
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.stored_count) == ("ready", len(sent.captures))


def test_a_listed_capture_that_vanishes_before_it_was_fetched_is_reported(
    portal: Portal, submit: Submit, edit: Edit, cloud: Cloud
) -> None:
    sent = submit()
    cloud.fault(match="media", kind="status", status=500, times=1)
    row = portal.receive(sent)
    assert row.state == "fetching"
    cloud.clear_faults()
    edit(lambda data: replace(data, captures=()))
    portal.make_due()
    portal.work()
    row.refresh_from_db()
    assert row.state == "failed"
    assert row.captures.get(state="failed").failure_reason == "not_listed"


def test_changed_demographics_are_stored_and_audited(portal: Portal, submit: Submit, edit: Edit) -> None:
    row = portal.receive(submit(patient={"identifier": "MRN-5", "last_name": "Osei"}))
    first = row.patient
    edit(lambda data: replace(data, patient={"identifier": "MRN-5", "last_name": "Mensah"}))
    check_again(submission=row, user=None, address=None)
    portal.work()
    row.refresh_from_db()
    assert row.last_name == "Mensah"
    assert row.patient != first
    assert row.looks_like == first
    assert Entry.objects.filter(action="submission.demographics_changed").count() == 1


@pytest.mark.parametrize("change", ["capture", "demographics"])
def test_a_change_that_is_fetched_after_signing_is_announced(
    portal: Portal, submit: Submit, edit: Edit, change: str
) -> None:
    edit(lambda data: replace(data, captures=data.captures[:1]))
    row = portal.receive(submit(patient={"last_name": "Osei"}, capture_count=2))
    draft = add_report(row, state=Report.State.DRAFT)
    sign_report(report=draft, user=None, address=None)
    if change == "capture":
        edit(lambda data: data)
    else:
        edit(lambda data: replace(data, patient={"last_name": "Mensah"}, captures=data.captures[:1]))
    check_again(submission=row, user=None, address=None)
    portal.work()
    report = Report.objects.get()
    assert report.written_on == ("1 of 2" if change == "capture" else "")
    assert report.has_other_demographics is (change == "demographics")
    assert Entry.objects.filter(action="report.exam_changed").count() == 1
    assert OutgoingMail.objects.filter(subject=SUBJECT).count() == 1


def test_the_same_file_listed_twice_is_two_captures(portal: Portal, submit: Submit, edit: Edit) -> None:
    sent = submit(capture_count=1)
    edit(lambda data: replace(data, captures=data.captures * 2))
    row = portal.receive(sent)
    assert (row.state, row.capture_count) == ("ready", 2)
    assert {each.sha256 for each in row.captures.all()} == {sent.captures[0].sha256}
