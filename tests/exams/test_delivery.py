"""A signed report reaches the Cloud at most once; if that is uncertain, a person has to check."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from background.due import schedule
from background.models import OutgoingMail
from background.runner import run
from exams import storage
from exams.models import Call, Report, Submission
from exams.services.holds.holding import resume_submissions, stop_submissions
from exams.services.reports.delivery import DELIVER, resolve_uncertain, retry_delivery
from exams.services.transitions import NotAllowed, move_reports
from integrations.clarius.errors import from_status
from integrations.models import Link, Service
from tests.around import Around
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.rows import ago

Submit = Callable[..., CloudSubmission]
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 3_000 + b"\n%%EOF\n"


@pytest.fixture
def signed(portal: Portal, submit: Submit) -> Report:
    """A report that has just been signed."""
    row = portal.receive(submit(capture_count=1, patient={"first_name": "Zorica", "last_name": "Canary"}))
    stored = storage.store_upload([PDF])
    report = Report.objects.create(
        submission=row,
        name="Echo “report”",
        file_name="Befund.pdf",
        file=stored.path,
        sha256=stored.sha256,
        size=stored.size,
        media_type=stored.media_type,
        # Its pages were made before it was signed.
        page_count=1,
    )
    move_reports(Report.objects.all(), to="signed", signed_at=timezone.now())
    schedule(Report.objects.filter(pk=report.pk))
    return report


def deliver(report: Report) -> Report:
    run(DELIVER, pk=report.pk)
    report.refresh_from_db()
    return report


def test_the_report_arrives_as_it_was_signed(signed: Report, cloud: Cloud) -> None:
    report = deliver(signed)
    assert (report.state, report.failure_reason, report.not_before) == ("delivered", "", None)
    assert report.delivered_at is not None
    [arrived] = cloud.reports()
    assert arrived.request_uuid == str(report.submission.request_uuid)
    assert (arrived.sha256, arrived.size) == (report.sha256, len(PDF))
    assert (arrived.name, arrived.file_name) == ("Echo “report”", "Befund.pdf")
    assert Entry.objects.get(action="report.sent").identifiers["sha256"] == report.sha256


def test_the_linked_clinician_is_notified_without_patient_data(signed: Report) -> None:
    deliver(signed)
    mail = OutgoingMail.objects.get()
    assert mail.recipient == Link.objects.get().user.email
    assert str(signed.uuid) in mail.body
    assert "Zorica" not in mail.subject + mail.body
    assert "Canary" not in mail.subject + mail.body


def test_nobody_is_notified_after_the_link_has_ended(signed: Report) -> None:
    Link.objects.update(state=Link.State.UNLINKED)
    assert deliver(signed).state == "delivered"
    assert not OutgoingMail.objects.exists()


def test_a_message_that_comes_three_times_delivers_once(signed: Report, cloud: Cloud) -> None:
    for _ in range(3):
        deliver(signed)
    assert len(cloud.reports()) == 1


def test_a_report_whose_answer_is_lost_is_uncertain_and_never_sent_again(
    signed: Report, cloud: Cloud, portal: Portal
) -> None:
    cloud.fault(match="report", kind="cut_after", times=1)
    report = deliver(signed)
    assert (report.state, report.not_before) == ("uncertain", None)
    assert report.failure_reason == "uncertain"
    portal.make_due()
    deliver(signed)
    assert len(cloud.reports()) == 1
    assert not OutgoingMail.objects.exists()


def test_a_500_after_the_body_was_sent_is_uncertain(signed: Report, cloud: Cloud) -> None:
    cloud.fault(match="report", kind="status", status=500, body="html", times=1)
    assert deliver(signed).state == "uncertain"


def test_a_redirected_upload_counts_as_refused(signed: Report, cloud: Cloud) -> None:
    cloud.fault(match="report", kind="redirect", to=f"{cloud.url}/elsewhere/")
    assert deliver(signed).state == "failed"
    assert cloud.reports() == []


def test_a_worker_that_died_while_sending_leaves_an_uncertain_report(signed: Report, cloud: Cloud) -> None:
    Report.objects.update(state="sending", attempt_count=1, lease_token=1, lease_until=ago(seconds=1))
    assert deliver(signed).state == "uncertain"
    assert cloud.reports() == []


def test_a_report_is_saved_as_being_sent_before_the_first_byte(signed: Report, around: Around) -> None:
    seen = []

    def watch(real: Any, **details: Any) -> None:
        seen.append(Report.objects.get().state)
        real(**details)

    around.call("upload_report", watch)
    assert deliver(signed).state == "delivered"
    assert seen == ["sending"]


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        ({"status": 429, "headers": {"Retry-After": "600"}}, 590),
        ({"status": 503, "headers": {"Retry-After": "300"}}, 290),
    ],
    ids=["429", "503"],
)
def test_a_cloud_that_asks_to_wait_gets_the_report_later(
    signed: Report, cloud: Cloud, portal: Portal, fault: dict[str, Any], least: int
) -> None:
    cloud.fault(match="report", kind="status", times=1, **fault)
    report = deliver(signed)
    assert (report.state, report.attempt_count) == ("signed", 0)
    assert report.not_before > timezone.now() + timedelta(seconds=least)
    portal.make_due()
    assert deliver(signed).state == "delivered"
    assert len(cloud.reports()) == 1


def test_a_cloud_that_cannot_be_reached_gets_the_report_later(signed: Report, cloud: Cloud) -> None:
    Service.objects.update(base_url="http://127.0.0.1:9")
    report = deliver(signed)
    assert (report.state, report.attempt_count) == ("signed", 0)
    assert report.failure_reason == "away"
    assert report.not_before > timezone.now()


def test_the_report_of_a_stopped_exam_waits_until_the_exam_is_resumed(
    signed: Report, cloud: Cloud, portal: Portal
) -> None:
    rows = Submission.objects.all()
    stop_submissions(queryset=rows, user=None, address=None)
    for _ in range(2):
        portal.make_due()
        report = deliver(signed)
        assert (report.state, report.attempt_count) == ("signed", 0)
        assert report.not_before > timezone.now()
        assert report.failure_reason == "exam_held"
    assert cloud.reports() == []
    resume_submissions(queryset=rows, user=None, address=None)
    portal.make_due()
    report = deliver(signed)
    assert (report.state, report.failure_reason) == ("delivered", "")
    assert len(cloud.reports()) == 1


def test_a_report_that_is_there_already_waits_for_a_person(signed: Report, cloud: Cloud) -> None:
    cloud.fault(match="report", kind="status", status=409, body="json", times=1)
    report = deliver(signed)
    assert (report.state, report.failure_reason) == ("uncertain", "already_there")


@pytest.mark.parametrize("status", [400, 404, 413])
def test_a_report_that_is_refused_fails_with_the_reason_and_can_be_retried(
    signed: Report, cloud: Cloud, status: int
) -> None:
    cloud.fault(match="report", kind="status", status=status, body="json", times=1)
    report = deliver(signed)
    assert (report.state, report.not_before) == ("failed", None)
    assert report.failure_reason == ("too_large" if status == 413 else "refused")
    retry_delivery(report=report, user=None, address=None)
    assert deliver(report).state == "delivered"
    assert Entry.objects.filter(action="report.retried").count() == 1


def test_patient_data_in_the_clouds_answer_stays_out_of_the_reason_and_the_calls(
    signed: Report, around: Around
) -> None:
    answer = '{"name": ["A report for Canary, Zorica (MRN-7781) exists."], "Zorica Canary": ["No."]}'

    def refuse(real: Any, **details: Any) -> None:
        raise from_status(400, detail=answer)

    around.call("upload_report", refuse)
    report = deliver(signed)
    refused = "Clarius Cloud refused the request (400: name)."
    assert report.failure_reason == "name_refused"
    assert Call.objects.get(report=report).message == refused
    assert report.failure_detail == f"Rejected {answer}"


def test_a_refused_key_waits_for_another(signed: Report, cloud: Cloud) -> None:
    cloud.fault(match="*", kind="status", status=403, body="json", times=9)
    report = deliver(signed)
    assert (report.state, report.attempt_count) == ("signed", 0)
    assert Service.objects.get().circuit_opened_at is not None


def test_a_refusal_of_this_report_alone_fails(signed: Report, cloud: Cloud) -> None:
    cloud.fault(match="report", kind="status", status=403, body="json", times=1)
    assert deliver(signed).state == "failed"
    assert Service.objects.get().circuit_opened_at is None


def test_a_report_whose_file_is_missing_fails_unsent(signed: Report, cloud: Cloud) -> None:
    storage.full_path(signed.file).unlink()
    report = deliver(signed)
    assert (report.state, report.failure_reason) == ("failed", "file_unreadable")
    assert cloud.calls(path="/reports/") == []


@pytest.fixture
def uncertain(signed: Report) -> Report:
    Report.objects.update(state="uncertain", not_before=None)
    signed.refresh_from_db()
    return signed


@pytest.fixture
def reviewer(db: None) -> User:
    return User.objects.create_user("reviewer@example.test", "a long password")


def test_someone_marks_an_uncertain_report_as_arrived(
    uncertain: Report, reviewer: User, cloud: Cloud
) -> None:
    resolve_uncertain(report=uncertain, user=reviewer, arrived=True, address=None)
    uncertain.refresh_from_db()
    assert (uncertain.state, uncertain.not_before) == ("delivered", None)
    assert uncertain.delivered_at is not None
    assert OutgoingMail.objects.count() == 1
    assert cloud.reports() == []
    assert Entry.objects.get(action="report.seen_at_cloud").actor_id == str(reviewer.pk)


def test_someone_sends_an_uncertain_report_again(uncertain: Report, reviewer: User, cloud: Cloud) -> None:
    resolve_uncertain(report=uncertain, user=reviewer, arrived=False, address=None)
    assert deliver(uncertain).state == "delivered"
    assert len(cloud.reports()) == 1


def test_only_the_first_decision_counts(uncertain: Report, reviewer: User) -> None:
    earlier = Report.objects.get()
    resolve_uncertain(report=uncertain, user=reviewer, arrived=True, address=None)
    with pytest.raises(NotAllowed):
        resolve_uncertain(report=earlier, user=reviewer, arrived=False, address=None)
    with pytest.raises(NotAllowed):
        retry_delivery(report=earlier, user=reviewer, address=None)
    assert Report.objects.get().state == "delivered"


@pytest.mark.parametrize("state", ["draft", "delivered", "failed", "uncertain"])
def test_only_a_signed_report_is_sent(signed: Report, cloud: Cloud, state: str) -> None:
    Report.objects.update(state=state)
    assert deliver(signed).state == state
    assert cloud.reports() == []
