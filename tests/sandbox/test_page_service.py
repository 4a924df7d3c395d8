"""Pages that change the service: keys, settings, notifications, applications and faults."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from sandbox import faults
from sandbox.links import media_url
from sandbox.models import Application, Customer, Fault, Service, ServiceKey, Submission
from sandbox.pages.notifications import forged_payload
from sandbox.seed.database import seed

Submit = Callable[..., Submission]
API = "/api/public/v0"


# --- Keys ----------------------------------------------------------------------------------------------


def shown_key(page: str) -> str:
    return page.partition('class="key">')[2].partition("</code>")[0]


def test_a_new_key_is_accepted_and_shown_once(db: None, client: Client) -> None:
    response = client.post("/keys/", {"name": "Portal"})
    key = shown_key(response.content.decode())
    headers = {"Authorization": f"Service-API-Key {key}"}
    assert Client(headers=headers).get(f"{API}/services/settings/").status_code == 200
    later = client.get("/keys/").content.decode()
    prefix, _, secret = key.partition(".")
    assert prefix in later and secret not in later
    assert response["Cache-Control"] == "no-store"


def test_a_revoked_key_is_refused(key: str, api: Client, client: Client) -> None:
    prefix = key.partition(".")[0]
    assert "was revoked" in client.post(f"/keys/{prefix}/revoke/", follow=True).content.decode()
    assert api.get(f"{API}/services/settings/").status_code == 403
    again = client.post(f"/keys/{prefix}/revoke/", follow=True).content.decode()
    assert "already revoked" in again


@pytest.mark.parametrize("name", ["", "x" * 51])
def test_a_key_needs_a_name_of_at_most_fifty_characters(name: str, db: None, client: Client) -> None:
    assert 'class="key"' not in client.post("/keys/", {"name": name}).content.decode()
    assert not ServiceKey.objects.exists()


# --- Settings ------------------------------------------------------------------------------------------


def test_settings_are_those_of_the_api(api: Client, client: Client) -> None:
    sent = {"token_transfer_url": "http://127.0.0.1:8000/c/{token}/", "notification_url": ""}
    assert "Settings saved" in client.post("/settings/", sent, follow=True).content.decode()
    assert api.get(f"{API}/services/settings/").json() == sent
    assert 'value="http://127.0.0.1:8000/c/{token}/"' in client.get("/settings/").content.decode()


def test_settings_follow_the_rules_of_the_api(service: Service, client: Client) -> None:
    before = service.token_transfer_url
    sent = {"token_transfer_url": "https://portal.example/", "notification_url": "no address"}
    response = client.post("/settings/", sent)
    page = response.content.decode()
    assert response.status_code == 400
    assert "must contain {token}" in page and "Enter a valid URL" in page
    assert 'value="no address"' in page
    assert Service.get().token_transfer_url == before


# --- Notifications -------------------------------------------------------------------------------------


def test_a_notification_is_sent_again(
    submit: Submit, service: Service, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    submission = submit(notify=False)
    with django_capture_on_commit_callbacks() as calls:
        page = client.post(f"/exams/{submission.request_uuid}/notify/", follow=True).content.decode()
    assert len(calls) == 1
    assert "being sent again" in page


def test_nothing_is_sent_again_without_an_address(
    submit: Submit, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    submission = submit()
    with django_capture_on_commit_callbacks() as calls:
        page = client.post(f"/exams/{submission.request_uuid}/notify/", follow=True).content.decode()
    assert calls == []
    assert "has not set a notification_url" in page


@pytest.mark.parametrize(("mode", "sent"), [("send", 1), ("drop", 0), ("repeat", 2), ("delay", 1)])
def test_a_mode_applies_to_later_notifications(
    mode: str,
    sent: int,
    submit: Submit,
    service: Service,
    client: Client,
    django_capture_on_commit_callbacks: Any,
) -> None:
    page = client.post("/notifications/mode/", {"mode": mode}, follow=True).content.decode()
    assert f'<option value="{mode}" selected>' in page
    with django_capture_on_commit_callbacks() as calls:
        submit()
    assert len(calls) == sent


def test_a_mode_that_does_not_exist_changes_nothing(service: Service, client: Client) -> None:
    client.post("/notifications/mode/", {"mode": "explode"})
    assert Service.get().notify_mode == "send"


def test_each_forgery_is_wrong_in_a_different_way(ada: Customer, submit: Submit, settings: Any) -> None:
    real = submit()
    payloads = {
        each: forged_payload(each) for each in ("unknown_request", "unknown_customer", "foreign_url", "bare")
    }
    assert all(each["request_uuid"] != str(real.request_uuid) for each in payloads.values())
    assert set(payloads["bare"]) == {"request_uuid", "customer_id"}
    assert payloads["unknown_customer"]["customer_id"] != ada.token
    for each in ("unknown_request", "foreign_url", "bare"):
        assert payloads[each]["customer_id"] == ada.token
    assert payloads["unknown_request"]["download_url"].startswith(settings.PUBLIC_URL)
    assert payloads["foreign_url"]["download_url"].startswith("http://evil.example/")
    assert json.dumps(payloads)


def test_a_forgery_is_sent_when_there_is_an_address(
    service: Service, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as calls:
        client.post("/notifications/forge/", {"kind": "foreign_url"})
    assert len(calls) == 1
    Service.objects.update(notification_url="")
    page = client.post("/notifications/forge/", {"kind": "bare"}, follow=True).content.decode()
    assert "has not set a notification_url" in page


# --- Applications --------------------------------------------------------------------------------------


def test_the_scanner_shows_what_the_service_customized(api: Client, client: Client) -> None:
    seed()
    cardiac = Application.objects.get(name="Cardiac")
    sent = {"annotations": [{"title": "View <1>", "labels": ["PLAX", "A4C"], "linked": True}]}
    api.put(f"{API}/services/applications/{cardiac.uuid}/", sent, content_type="application/json")
    page = client.get("/applications/").content.decode()
    first = page[: page.index("Abdomen")]
    assert "Cardiac" in first and "View &lt;1&gt;" in first and "PLAX" in first and ">linked<" in first
    assert "Standard annotations" in page


# --- Faults --------------------------------------------------------------------------------------------


def test_a_fault_from_the_page_applies_to_the_next_calls(api: Client, client: Client) -> None:
    fault = {"match": "accessible", "kind": "status", "times": 2, "value": "429", "retry_after": "30"}
    page = client.post("/faults/", fault, follow=True).content.decode()
    assert "status 429 · Retry-After 30" in page
    answers = [api.get(f"{API}/exams/accessible/") for _ in range(3)]
    assert [each.status_code for each in answers] == [429, 429, 200]
    assert answers[0]["Retry-After"] == "30"
    page = client.get("/faults/").content.decode()
    assert "No faults are pending." in page and f"GET {API}/exams/accessible/" in page


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "value": "many"},
        {"kind": "status", "value": "99"},
        {"kind": "delay", "value": "-1"},
        {"kind": "drip", "value": "nan"},
        {"kind": "delay", "value": "inf"},
        {"kind": "earthquake"},
        {"kind": "cut", "match": "everything"},
        {"kind": "cut", "times": "0"},
    ],
)
def test_an_impossible_fault_is_refused(fault: dict[str, str], db: None, client: Client) -> None:
    response = client.post("/faults/", {"match": "*", "times": "1", **fault})
    assert 'class="error"' in response.content.decode()
    assert not Fault.objects.exists()


def test_every_kind_of_fault_can_be_chosen(db: None, client: Client) -> None:
    page = client.get("/faults/").content.decode()
    for kind in faults.KINDS:
        assert f'<option value="{kind}"' in page
        match = "media" if kind in faults.CALL_KINDS else "notification"
        client.post("/faults/", {"match": match, "kind": kind, "times": "1", "value": ""})
    assert set(Fault.objects.values_list("kind", flat=True)) == set(faults.KINDS)
    client.post("/faults/clear/")
    assert not Fault.objects.exists()


def test_links_expire_when_the_button_is_pressed(
    submit: Submit, media: Callable[..., Any], client: Client
) -> None:
    capture = submit().captures.first()
    assert capture is not None
    link = media_url(capture=capture)
    assert media(link).status_code == 200
    client.post("/faults/expire-links/")
    assert media(link).status_code == 403
