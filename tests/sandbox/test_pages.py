"""Every page answers, shows that it is a sandbox, and refuses requests of other sites."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils.html import escape

from sandbox import behaviour
from sandbox.models import Customer, NotificationRecord, Service, ServiceKey, Submission
from sandbox.pages.urls import urlpatterns

Submit = Callable[..., Submission]

# Route: the method that it takes, and what its address needs.
PAGES = {
    "sandbox_overview": "",
    "sandbox_submit": "",
    "sandbox_submit_files": "",
    "sandbox_submit_exam": "slug",
    "sandbox_submit_again": "request_uuid",
    "sandbox_exams": "",
    "sandbox_exam": "request_uuid",
    "sandbox_reports": "",
    "sandbox_notifications": "",
    "sandbox_keys": "",
    "sandbox_settings": "",
    "sandbox_applications": "",
    "sandbox_faults": "",
}
FILES = {"sandbox_thumbnail": "slug", "sandbox_capture": "capture", "sandbox_report": "report"}
ACTIONS = {
    "sandbox_customer_add": "",
    "sandbox_subscription": "customer",
    "sandbox_resend": "request_uuid",
    "sandbox_notify_mode": "",
    "sandbox_forge": "",
    "sandbox_key_revoke": "prefix",
    "sandbox_faults_clear": "",
    "sandbox_links_expire": "",
}


def address(name: str, needs: str, filled: Submission) -> str:
    capture, report = filled.captures.first(), filled.reports.first()
    assert capture is not None and report is not None
    arguments = {
        "slug": "pelvis",
        "request_uuid": filled.request_uuid,
        "capture": capture.uuid,
        "report": report.uuid,
        "customer": filled.customer_id,
        "prefix": "abcdefgh",
    }
    return reverse(name, args=[arguments[needs]] if needs else [])


@pytest.fixture
def filled(submit: Submit, service: Service, key: str) -> Submission:
    """A submission with a strange name, a report, and a record of its notification."""
    submission = submit(patient={"last_name": "<script>alert(1)</script>", "identifier": None, "ward": [7]})
    upload = SimpleUploadedFile("finding.html", b"<script>alert(2)</script>", "text/html")
    behaviour.receive_report(submission=submission, name="<b>Finding</b>", upload=upload)
    for response, error in (({"status_code": 204, "content": ""}, None), (None, "timed out")):
        NotificationRecord.objects.create(
            submission=submission,
            url=service.notification_url,
            content='{"note": "<i>"}',
            response=response,
            error=error,
            sent_at=submission.submitted_at,
            logged_at=submission.submitted_at,
        )
    return submission


def test_every_route_is_in_one_of_the_tables() -> None:
    assert {each.name for each in urlpatterns} == {*PAGES, *FILES, *ACTIONS}


@pytest.mark.parametrize(("name", "needs"), PAGES.items())
def test_every_page_shows_that_it_is_a_sandbox_and_runs_no_script(
    name: str, needs: str, filled: Submission, client: Client
) -> None:
    response = client.get(address(name, needs, filled))
    page = response.content.decode()
    assert response.status_code == 200
    assert "<strong>Sandbox Clarius Cloud</strong> – no real patients</aside>" in page
    assert "<script" not in page and "<b>Finding" not in page and "<i>" not in page
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "script-src" not in response["Content-Security-Policy"]
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", [name for name, needs in PAGES.items() if needs in ("", "slug")])
def test_every_page_answers_when_nothing_has_happened_yet(name: str, db: None, client: Client) -> None:
    try:
        url = reverse(name)
    except NoReverseMatch:
        url = reverse(name, args=["pelvis"])
    assert client.get(url).status_code == 200


@pytest.mark.parametrize(("name", "needs"), ACTIONS.items())
def test_a_link_cannot_change_anything(name: str, needs: str, filled: Submission, client: Client) -> None:
    assert client.get(address(name, needs, filled)).status_code == 405


@pytest.mark.parametrize(
    ("name", "needs"),
    [*ACTIONS.items(), ("sandbox_submit", ""), ("sandbox_keys", ""), ("sandbox_settings", "")],
)
def test_changes_need_a_form_of_the_sandbox(name: str, needs: str, filled: Submission) -> None:
    response = Client(enforce_csrf_checks=True).post(address(name, needs, filled))
    assert response.status_code == 403
    assert ServiceKey.objects.count() == 1
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("url", ["/submit/spleen/", "/exams/thumbnails/spleen/", "/nothing/"])
def test_a_missing_object_is_404(url: str, db: None, client: Client) -> None:
    assert client.get(url).status_code == 404


# --- Customers -----------------------------------------------------------------------------------------


def test_connect_needs_an_address_and_the_page_shows_that(ada: Customer, client: Client) -> None:
    page = client.get("/").content.decode()
    assert "has not set a token_transfer_url" in page
    assert ">Connect</button>" in page and "noreferrer" not in page


def test_connect_opens_the_services_address_with_the_token_encoded(service: Service, client: Client) -> None:
    behaviour.add_customer(name="Dr. Odd", token="a+b/c d&e=?#é" + "x" * 20)
    page = client.get("/").content.decode()
    encoded = "a%2Bb%2Fc%20d%26e%3D%3F%23%C3%A9" + "x" * 20
    assert escape(f"https://portal.example/connect/?token={encoded}&from=cloud") in page


def test_a_customer_without_a_subscription_cannot_connect_or_submit(
    service: Service, ada: Customer, client: Client
) -> None:
    client.post(f"/customers/{ada.pk}/subscription/")
    page = client.get("/").content.decode()
    assert "Not subscribed" in page and "https://portal.example" not in page
    assert client.post("/submit/", {"customer": ada.pk}).status_code == 200
    assert not Submission.objects.exists()
    client.post(f"/customers/{ada.pk}/subscription/")
    assert "https://portal.example" in client.get("/").content.decode()


def test_customers_keep_their_order_and_can_be_added(
    ada: Customer, jonas: Customer, submit: Submit, client: Client
) -> None:
    submit(customer=jonas)
    response = client.post("/customers/", {"name": "Dr. Mei Tanaka", "institution": ""}, follow=True)
    page = response.content.decode()
    assert page.index("Osei") < page.index("Lindqvist") < page.rindex("Tanaka")
    refused = client.post("/customers/", {"name": "x" * 101}, follow=True).content.decode()
    assert "Enter a name of at most" in refused
    assert Customer.objects.count() == 3


# --- Files ---------------------------------------------------------------------------------------------


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_a_report_is_downloaded_unchanged_and_never_displayed(filled: Submission, client: Client) -> None:
    response = client.get(address("sandbox_report", "report", filled))
    assert body(response) == b"<script>alert(2)</script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="finding.html"'
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_capture_is_displayed_as_an_image(filled: Submission, client: Client) -> None:
    response = client.get(address("sandbox_capture", "capture", filled))
    assert response["Content-Type"] == "image/png"
    assert body(response).startswith(b"\x89PNG")


def test_a_thumbnail_is_a_jpeg(exams: Any, db: None, client: Client) -> None:
    assert body(client.get("/exams/thumbnails/pelvis/")).startswith(b"\xff\xd8")


def test_the_exam_page_lists_reports_under_services(filled: Submission, client: Client) -> None:
    page = client.get(f"/exams/{filled.request_uuid}/").content.decode()
    services = page[page.index("Services") :]
    assert "finding.html" in services
    assert escape("<b>Finding</b>") in services
    assert "204 accepted" in services and "timed out" in services


@pytest.mark.parametrize("route", ["sandbox_exams", "sandbox_reports", "sandbox_notifications"])
@pytest.mark.parametrize("page", ["0", "-1", "2", "x", "", "99999999999999999999", "9" * 5000, "\0", "1.5"])
def test_a_page_that_a_list_does_not_have_is_refused_with_a_sentence(
    filled: Submission, client: Client, route: str, page: str
) -> None:
    answer = client.get(reverse(route), {"page": page})
    assert answer.status_code == 400
    assert "This list has no such page." in answer.content.decode()
    assert client.get(reverse(route), {"page": "1"}).status_code == 200


@pytest.mark.parametrize(
    "value", ["99999999999999999999", "9" * 5000, "-1", "x", "\0", "0001-01-01T00:00:00+14:00"]
)
def test_no_value_in_an_address_ends_in_an_error_of_the_sandbox(
    filled: Submission, client: Client, key: str, value: str
) -> None:
    client.raise_request_exception = False
    addresses = [
        (reverse("sandbox_submit"), "customer"),
        ("/sandbox/control/calls/", "since"),
        ("/api/public/v0/exams/accessible/", "offset"),
        ("/api/public/v0/exams/accessible/", "limit"),
        ("/api/public/v0/exams/accessible/", "customer_id"),
        ("/api/public/v0/services/confirmed-tokens/", "offset"),
        ("/api/public/v0/services/notifications/records/", "offset"),
    ]
    for address, name in addresses:
        answer = client.get(address, {name: value}, headers={"Authorization": f"Service-API-Key {key}"})
        assert answer.status_code in (200, 400), (address, name)
    for address in (f"/customers/{value}/subscription/", f"/keys/{value}/revoke/"):
        assert client.post(address.replace("\0", "%00")).status_code < 500
