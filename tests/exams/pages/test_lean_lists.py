"""The Cloud's answer may be megabytes for each exam, so only the page that shows it reads it."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from exams.models import Submission
from exams.services.review.identity import split_patient
from integrations.models import NotificationRecord
from tests.exams.cast import Stage, add_report, add_submission

pytestmark = pytest.mark.django_db
RAW, MAPPED = '"raw_data"', '"mapped"'


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """The stage with another submission of the same exam, and one of another exam of the same patient."""
    first = stage.submission
    add_submission(stage.customer, exam=first.exam, patient=first.patient)
    add_submission(stage.customer, patient=first.patient)
    Submission.objects.update(raw_data='{"last_name": "Zebrowska"}', mapped={"operator": "Rita"})
    add_report(first)
    NotificationRecord.objects.create(
        service=stage.service,
        fingerprint=uuid.uuid4().hex,
        sent_at=timezone.now(),
        logged_at=timezone.now(),
        latency_ms=250,
        read_at=timezone.now(),
        request_uuid=first.request_uuid,
    )
    return stage


def read_by(stage: Stage, role: str, address: str) -> str:
    """Return the SQL statements of a page."""
    browser = stage.browser(role)
    with CaptureQueriesContext(connection) as seen:
        assert browser.get(address).status_code == 200
    return "\n".join(each["sql"] for each in seen if each["sql"].startswith("SELECT"))


@pytest.mark.parametrize(
    ("role", "address"),
    [
        ("reviewer", "/worklist/"),
        ("administrator with content", "/worklist/"),
        ("clinician", "/my/"),
        ("administrator", "/admin/exams/submission/"),
        ("administrator with content", "/admin/exams/submission/"),
        ("administrator", "/admin/exams/capture/"),
        ("administrator", "/admin/exams/report/"),
        ("administrator", "/admin/integrations/notificationrecord/"),
    ],
)
def test_no_list_reads_what_the_cloud_answered(stage: Stage, role: str, address: str) -> None:
    read = read_by(stage, role, address)
    assert '"exams_submission"' in read
    assert RAW not in read and MAPPED not in read


def test_the_next_page_of_the_worklist_does_not_read_it_either(stage: Stage) -> None:
    for place in ("after", "before"):
        address = f"/worklist/?{place}={stage.submission.uuid}&customer={stage.customer.uuid}"
        assert RAW not in read_by(stage, "reviewer", address)


def test_requests_that_repeat_every_few_seconds_do_not_read_it_either(stage: Stage) -> None:
    assert RAW not in read_by(stage, "reviewer", reverse("exam_status", args=[stage.submission.uuid]))


@pytest.mark.parametrize("name", ["exam", "report"])
def test_a_page_reads_it_of_no_other_exam(stage: Stage, name: str) -> None:
    row = stage.submission if name == "exam" else stage.submission.reports.get()
    read = read_by(stage, "reviewer", reverse(name, args=[row.uuid]))
    assert read.count(RAW) == (1 if name == "exam" else 0)
    assert read.count(MAPPED) == (1 if name == "exam" else 0)


def test_the_admin_page_still_shows_it(stage: Stage) -> None:
    browser = stage.browser("administrator with content")
    page = browser.get(f"/admin/exams/submission/{stage.submission.pk}/change/").content.decode()
    assert "last_name&quot;: &quot;Zebrowska" in page and "Rita" in page


def test_splitting_a_patient_reads_the_answer_of_no_other_exam(stage: Stage) -> None:
    # The row itself is read once; of the former patient's others, only the names are read.
    with CaptureQueriesContext(connection) as seen:
        split_patient(submission=stage.submission, user=stage.people["reviewer"], address=None)
    whole = [each["sql"] for each in seen if RAW in each["sql"]]
    assert not [sql for sql in whole if '"patient_id" = ' in sql]
