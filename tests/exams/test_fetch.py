"""Fetching, from the Cloud's list to complete files, with errors on the way."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from exams import storage
from exams.models import Patient, Submission
from exams.services.fetch.job import LINKS_ASKED, check_again
from exams.services.holds.holding import retry_submissions
from integrations.models import Link, Service
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


def test_an_exam_arrives_whole_and_in_order(portal: Portal, submit: Submit, media_root: Path) -> None:
    sent = submit()
    row = portal.receive(sent)
    assert (row.state, row.not_before, row.failure_reason) == ("ready", None, "")
    assert hashes(row) == sent_hashes(sent)
    assert row.capture_count == row.stored_count == len(sent.captures) > 0
    assert row.ready_at is not None
    for capture, original in zip(row.captures.all(), sent.captures, strict=True):
        assert (capture.size, capture.media_type) == (original.size, original.content_type)
        assert capture.not_before is not None
        with storage.open_file(capture.file) as file:
            assert len(file.read()) == original.size
    assert temporary_files(media_root) == []


def test_the_key_goes_to_the_cloud_and_never_to_the_media(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    portal.receive(submit())
    calls = cloud.calls()
    media_calls = [call for call in calls if call["path"].startswith("/media/")]
    assert media_calls
    assert not any(call["has_authorization"] for call in media_calls)


def test_the_patient_and_the_raw_data_are_kept_without_the_links_signatures(
    portal: Portal, submit: Submit
) -> None:
    row = portal.receive(submit(patient={"identifier": "MRN-9", "first_name": "伟", "last_name": "王"}))
    assert (row.first_name, row.last_name, row.identifier) == ("伟", "王", "MRN-9")
    assert row.patient == Patient.objects.get()
    assert "MRN-9" in row.raw_data
    assert "signature=" not in row.raw_data
    assert "?" not in row.raw_data.replace("?…", "")


@pytest.mark.parametrize("patient", [{}, {"identifier": None}, {"animal_name": "Rex", "date_of_birth": "?"}])
def test_any_patient_will_do(portal: Portal, submit: Submit, patient: dict[str, Any]) -> None:
    assert portal.receive(submit(patient=patient)).state == "ready"


def test_one_exam_of_two_members_stays_two(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    exam_uuid = str(uuid.uuid4())
    colleague = cloud.add_customer(name="Dr. Jonas Lindqvist", is_confirmed=True)
    first, second = submit(exam_uuid=exam_uuid), submit(exam_uuid=exam_uuid, customer=colleague)
    portal.poll()
    portal.work()
    assert portal.row(first).state == "ready"
    assert (portal.row(second).state, portal.row(second).hold_reason) == ("held", "unlinked")
    assert portal.row(first).exam != portal.row(second).exam
    assert not portal.row(second).captures.exists()


def test_nothing_is_fetched_after_the_link_has_ended(portal: Portal, submit: Submit) -> None:
    sent = submit()
    portal.poll()
    Link.objects.update(state=Link.State.UNLINKED)
    portal.work()
    row = portal.row(sent)
    assert (row.state, row.hold_reason, row.data_read_at) == ("held", "unlinked", None)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 404, "body": "json"},
        {"kind": "status", "status": 409},
        {"kind": "status", "status": 425},
        {"kind": "status", "status": 400, "body": "json"},
        {"kind": "cut"},
        {"kind": "html"},
        {"kind": "truncate", "fraction": 0.5},
    ],
    ids=lambda fault: str(fault.get("status", fault["kind"])),
)
def test_data_that_cannot_be_read_now_is_read_later(
    portal: Portal, submit: Submit, cloud: Cloud, fault: dict[str, Any]
) -> None:
    sent = submit()
    cloud.fault(match="download", times=3, **fault)
    row = portal.receive(sent)
    assert row.state == "fetching"
    assert row.failure_reason
    assert row.not_before is not None
    assert row.not_before > timezone.now()
    cloud.clear_faults()
    portal.make_due()
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.failure_reason, row.not_ready_since) == ("ready", "", None)
    assert hashes(row) == sent_hashes(sent)


def test_data_that_is_not_ready_for_a_day_fails_and_can_be_retried(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    sent = submit()
    cloud.fault(match="download", kind="status", status=404, times=4, body="json")
    row = portal.receive(sent)
    assert (row.state, row.attempt_count) == ("fetching", 0)
    Submission.objects.update(not_ready_since=ago(hours=25))
    portal.make_due()
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.not_before) == ("failed", None)
    assert row.failure_reason == "data_not_ready"
    cloud.clear_faults()
    assert retry_submissions(queryset=Submission.objects.all(), user=None, address=None) == 1
    portal.work()
    row.refresh_from_db()
    assert row.state == "ready"


def test_data_that_is_gone_fails_at_once(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    sent = submit()
    cloud.fault(match="download", kind="status", status=410, times=4)
    row = portal.receive(sent)
    assert (row.state, row.failure_reason) == ("failed", "data_gone")


def test_throttling_is_honoured_and_costs_no_attempt(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    sent = submit()
    cloud.fault(match="download", kind="status", status=429, headers={"Retry-After": "600"}, times=4)
    row = portal.receive(sent)
    assert (row.state, row.attempt_count) == ("fetching", 0)
    assert row.not_before > timezone.now() + timedelta(seconds=590)


def test_a_refused_key_opens_the_circuit_and_costs_no_attempt(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    sent = submit()
    portal.poll()
    cloud.fault(match="*", kind="status", status=403, body="json", times=50)
    portal.work()
    row = portal.row(sent)
    assert row.attempt_count == 0
    assert Service.objects.get().circuit_opened_at is not None
    assert row.state in {"received", "fetching"}
    cloud.clear_faults()
    Service.objects.update(circuit_probe_at=ago(minutes=5))
    portal.make_due()
    portal.work()
    row.refresh_from_db()
    assert row.state == "ready"
    assert Service.objects.get().circuit_opened_at is None


def test_a_refusal_of_one_exam_does_not_open_the_circuit(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    sent, other = submit(), submit()
    portal.poll()
    cloud.fault(match="download", kind="status", status=403, body="json", times=1)
    portal.work()
    assert Service.objects.get().circuit_opened_at is None
    states = sorted(portal.row(each).state for each in (sent, other))
    assert states == ["fetching", "ready"]
    refused = Submission.objects.get(state="fetching")
    assert refused.attempt_count == 1
    assert refused.failure_reason == "data_refused"


def test_a_definite_error_fails_when_the_attempts_are_used_up(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    sent = submit()
    portal.poll()
    Submission.objects.update(attempt_count=11)
    cloud.fault(match="download", kind="html", times=4)
    portal.work()
    row = portal.row(sent)
    assert row.state == "failed"
    assert row.failure_reason == "data_unreadable"


def test_a_submission_that_kills_its_workers_is_given_up(portal: Portal, submit: Submit) -> None:
    sent = submit()
    portal.poll()
    Submission.objects.update(attempt_count=12)
    portal.work()
    assert portal.row(sent).state == "failed"


def test_expired_links_are_requested_again(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    sent = submit()
    cloud.fault(match="media", kind="status", status=403, times=2)
    row = portal.receive(sent)
    assert row.state == "ready"
    assert hashes(row) == sent_hashes(sent)
    assert len(cloud.calls(path="/data/")) == 2


def test_links_are_requested_again_at_most_three_times_an_attempt(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    sent = submit()
    cloud.fault(match="media", kind="status", status=403, times=1000)
    row = portal.receive(sent)
    assert (row.state, row.failure_reason) == ("fetching", "link_dead")
    assert len(cloud.calls(path="/data/")) == 1 + LINKS_ASKED
    cloud.clear_faults()
    portal.make_due()
    portal.work()
    assert hashes(portal.row(sent)) == sent_hashes(sent)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "cut"}, {"kind": "truncate", "fraction": 0.5}, {"kind": "status", "status": 500}],
    ids=lambda fault: fault["kind"],
)
def test_a_file_that_breaks_is_fetched_again_and_the_others_are_not(
    portal: Portal, submit: Submit, cloud: Cloud, media_root: Path, fault: dict[str, Any]
) -> None:
    sent = submit()
    cloud.fault(match="media", times=1, **fault)
    row = portal.receive(sent)
    total = len(sent.captures)
    assert (row.state, row.stored_count, row.capture_count) == ("fetching", total - 1, total)
    assert row.failure_reason in ("file_away", "file_incomplete", "unreachable")
    assert temporary_files(media_root) == []
    cloud.clear_faults()
    portal.make_due()
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.stored_count) == ("ready", total)
    assert hashes(row) == sent_hashes(sent)
    # The broken one was requested twice, all others once.
    assert len(cloud.calls(path="/media/")) == total + 1


def test_a_web_page_instead_of_an_image_fails_that_capture_alone(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    sent = submit()
    cloud.fault(match="media", kind="html", times=1)
    row = portal.receive(sent)
    total = len(sent.captures)
    assert (row.state, row.failure_reason) == ("failed", "incomplete")
    assert row.failure_sentence.endswith(f"{total - 1} of {total} captures arrived.")
    broken = row.captures.get(state="failed")
    assert broken.failure_reason == "file_type"
    check_again(submission=row, user=None, address=None)
    portal.work()
    row.refresh_from_db()
    assert (row.state, row.failure_reason) == ("ready", "")
    assert hashes(row) == sent_hashes(sent)


def test_a_file_without_a_length_is_complete_only_if_its_format_says_so(
    portal: Portal, submit: Submit, cloud: Cloud
) -> None:
    sent = submit()
    cloud.fault(match="media", kind="no_length", times=50)
    row = portal.receive(sent)
    assert {each.content_type for each in sent.captures} == {"video/mp4", "image/jpeg"}
    assert row.state == "ready"
    assert [each.sha256 for each in row.captures.all()] == [each.sha256 for each in sent.captures]
