"""Keys, tokens, the webhook's secret and patients' names appear in no log, mail, address or title."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.cloud import Cloud
from tests.e2e.acts import connect_and_link, open_exam, send_report
from tests.e2e.conftest import SLUG, connect
from tests.e2e.person import Person
from tests.e2e.site import Site, hidden

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
PATIENT = {
    "first_name": "Zephyrine",
    "last_name": "Canarywood",
    "identifier": "CANARY-77120",
    "date_of_birth": "1933-03-31",
}
BORN = "1933-03-31"


@contextmanager
def _broken(site: Site, *, table: str) -> Iterator[None]:
    """Rename a table, so that everything that needs it fails unexpectedly."""
    code = "from django.db import connection as c; c.cursor().execute('ALTER TABLE {} RENAME TO {}')"
    site.run("shell", "-v", "0", "-c", code.format(table, f"{table}_gone"))
    try:
        yield
    finally:
        site.run("shell", "-v", "0", "-c", code.format(f"{table}_gone", table))


def _addresses_and_titles(people: list[Person]) -> str:
    """Return every address that was visited and every title of a page."""
    return "\n".join(line for person in people for line in person.seen)


def test_the_story_with_errors_and_debug_logging_leaks_no_secret(
    site: Site, cloud_process: Cloud, report: Path
) -> None:
    cloud = cloud_process.reset()
    key = cloud.new_key()
    setup = connect(site, cloud=cloud, key=key)
    customer = cloud.add_customer()
    clinician, reviewer = site.person("clinician@example.test"), site.person("reviewer@example.test")
    connect_and_link(clinician, customer=customer)
    site.make_account(reviewer.email, groups=("Reviewers",), services=(SLUG,))
    reviewer.log_in()

    truth = cloud.submit(customer=customer, patient=PATIENT)
    exam = open_exam(reviewer, text="CANARY-77120", known=set())
    reviewer.visit("/worklist/")
    reviewer.send(reviewer.page.form(action="search"), q="Canarywood")
    assert "Canarywood" in reviewer.page.text
    send_report(reviewer, exam=exam, file=report)
    _fail_in_every_way(cloud, customer=customer.token)
    payload = {"request_uuid": truth.request_uuid, "customer_id": customer.token}
    with _broken(site, table="exams_capture"):
        reviewer.visit(exam, status=500)
        clinician.visit(exam, status=500)
    with _broken(site, table="exams_submission"):
        assert requests.post(setup["webhook_url"], json=payload, timeout=10).status_code >= 500
    assert requests.post(setup["webhook_url"], data=b"{not json", timeout=10).status_code == 400
    site.run_json("poll_exams", "--service", SLUG)

    secret = setup["webhook_url"].rstrip("/").rpartition("/")[2]
    secrets = [key, key.partition(".")[2], customer.token, secret, *hidden(site.environment)]
    canaries = [PATIENT["first_name"], PATIENT["last_name"], PATIENT["identifier"], BORN]
    mails = "\n".join(file.read_text() for file in (site.folder / "mail").iterdir())
    places = {
        "the logs": site.output(),
        "the mails": mails,
        "an address or title": _addresses_and_titles([clinician, reviewer]).replace(
            customer.connect_url or "", ""
        ),
    }
    assert "Traceback" in places["the logs"], "Nothing failed, so nothing was proven."
    assert "DEBUG" in places["the logs"]
    for place, text in places.items():
        for number, needle in enumerate(secrets + canaries):
            assert needle not in text, f"Secret {number} is in {place}."
    assert site.environment["SECRET_KEY"] not in reviewer.page.html


def _fail_in_every_way(cloud: Cloud, *, customer: str) -> None:
    """Submit exams of the same patient, each with another fault of the Cloud."""
    for match, kind in (
        ("download", "html"),
        ("media", "cut"),
        ("media", "truncate"),
        ("download", "status"),
    ):
        cloud.fault(match=match, kind=kind, times=1)
        cloud.submit(customer=customer, patient=PATIENT)
