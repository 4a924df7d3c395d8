"""The main job over HTTP, from the first visit to the report at the Cloud."""

import hashlib
import json
import uuid
from pathlib import Path

import pytest
import requests

from tests.cloud import Cloud, CloudCustomer
from tests.e2e.acts import (
    compare_captures,
    compare_report,
    connect_and_link,
    exam_links,
    open_exam,
    send_report,
)
from tests.e2e.conftest import SLUG
from tests.e2e.person import Person
from tests.e2e.site import Site

pytestmark = pytest.mark.e2e
KNOWN: set[str] = set()


@pytest.fixture(scope="module")
def customer(world: Cloud) -> CloudCustomer:
    return world.add_customer(name="Dr. Ada Osei", institution="Harbour Clinic")


@pytest.fixture(scope="module")
def clinician(site: Site, customer: CloudCustomer) -> Person:
    person = site.person("clinician@example.test")
    connect_and_link(person, customer=customer)
    return person


@pytest.fixture(scope="module")
def reviewer(site: Site, world: Cloud) -> Person:
    site.make_account("reviewer@example.test", groups=("Reviewers",), services=(SLUG,))
    person = site.person("reviewer@example.test")
    person.log_in()
    return person


def test_linking_is_known_at_the_cloud_and_announced_by_mail(
    clinician: Person, customer: CloudCustomer, world: Cloud, site: Site
) -> None:
    assert world.is_confirmed(token=customer.token)
    clinician.wait_for_mail("/not-me/")


def test_a_notification_that_comes_in_chunks_is_stored(site: Site, customer: CloudCustomer) -> None:
    code = (
        "from integrations.models import Service; from integrations.services.settings.addresses import *; "
        "print(webhook_url(service=Service.objects.get()))"
    )
    url = site.run("shell", "-v", "0", "-c", code).strip()
    body = json.dumps({"request_uuid": str(uuid.uuid4()), "customer_id": customer.token}).encode()
    answer = requests.post(url, data=iter([body[:7], body[7:]]), timeout=60)
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.status_code == 204


@pytest.mark.parametrize("mode", ["send", "drop"])
def test_an_exam_arrives_is_reviewed_and_its_report_is_at_the_cloud(
    mode: str,
    clinician: Person,
    reviewer: Person,
    customer: CloudCustomer,
    world: Cloud,
    site: Site,
    report: Path,
) -> None:
    world.notify_mode(mode)
    truth = world.submit(customer=customer, patient={"last_name": "Story", "identifier": f"E2E-{mode}"})
    if mode == "drop":
        # No notification was sent: the poll finds the exam.
        assert site.run_json("poll_exams", "--service", SLUG)
    exam = open_exam(reviewer, text=f"E2E-{mode}", known=KNOWN)
    compare_captures(reviewer, address=exam, truth=truth)
    address = send_report(reviewer, exam=exam, file=report)
    compare_report(world, truth=truth, file=report)
    clinician.wait_until("/my/", "Echo report")
    assert clinician.sha256(f"{address}file/") == hashlib.sha256(report.read_bytes()).hexdigest()
    # The clinician sees the exam as well; a stranger sees neither.
    clinician.visit(exam)
    stranger = site.person("nobody@example.test")
    assert stranger.fetch(f"{address}file/").url.startswith(f"{site.url}/accounts/login/")


def test_programs_read_exams_and_answer_them(
    clinician: Person, customer: CloudCustomer, world: Cloud, site: Site, report: Path, tmp_path: Path
) -> None:
    world.notify_mode("send")
    truth = world.submit(customer=customer, patient={"identifier": "E2E-program"})
    site.run_json("poll_exams", "--service", SLUG)
    clinician.wait_until("/my/", "E2E-program")
    exam = next(link for link in exam_links(clinician.page) if link not in KNOWN)
    count = len(truth.captures)
    clinician.wait_until(exam, f"{count} of {count}")
    uuid = exam.rstrip("/").rpartition("/")[2]
    site.run_json("export_submission", uuid, "--to", str(tmp_path / "out"))
    found = sorted(
        hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (tmp_path / "out").rglob("*")
        if file.is_file() and file.name != "manifest.json"
    )
    assert found == sorted(capture.sha256 for capture in truth.captures)
    site.run_json("add_report", uuid, "--name", "By a program", str(report))
    clinician.wait_until("/my/", "By a program")
    clinician.wait_until(exam, "delivered")
    compare_report(world, truth=truth, file=report)
