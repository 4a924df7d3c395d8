"""Around the API: notifications, faults, the control plane and who may reach it."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from django.core.wsgi import get_wsgi_application
from django.test import Client

from sandbox import behaviour, faults, notifier, server
from sandbox.models import Call, Customer, Fault, Service, Submission
from tests.sandbox.webhook import Webhook, records

API = "/api/public/v0"
Submit = Callable[..., Submission]


def control(path: str, body: object = None, method: str = "post", **headers: str) -> Any:
    send = getattr(Client(), method)
    return send(f"/sandbox/control/{path}", body, content_type="application/json", headers=headers)


# --- Notifications ---------------------------------------------------------------------------------------


def test_a_notification_is_sent_once_unsigned_and_recorded(
    webhook: Webhook, submit: Submit, api: Client
) -> None:
    submission = submit()
    (record,) = records(1)
    assert [body["request_uuid"] for body in webhook.bodies] == [str(submission.request_uuid)]
    assert "/v0/download-requests/" in webhook.bodies[0]["download_url"]
    assert "Authorization" not in webhook.headers[0]
    assert (record.response, record.error) == ({"status_code": 204, "content": ""}, None)
    listed = api.get(f"{API}/services/notifications/records/").json()["results"][0]
    assert json.loads(listed["event"]["request"]["content"]) == webhook.bodies[0]


@pytest.mark.parametrize("status", [302, 500])
def test_redirects_are_not_followed_and_failures_not_tried_again(
    webhook: Webhook, submit: Submit, status: int
) -> None:
    webhook.status = status
    submit()
    (record,) = records(1)
    assert record.response["status_code"] == status
    assert len(webhook.bodies) == 1


def test_an_unreachable_webhook_is_recorded_as_an_error(webhook: Webhook, submit: Submit) -> None:
    webhook.close()
    submit()
    (record,) = records(1)
    assert record.response is None
    assert record.error


def test_a_webhook_that_does_not_answer_times_out(
    webhook: Webhook, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "TIMEOUT_SECONDS", 0.2)
    listener = socket.create_server(("127.0.0.1", 0))
    Service.objects.update(notification_url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
    submit()
    (record,) = records(1)
    listener.close()
    assert record.error == "timed out"


def test_only_confirmed_customers_are_notified(webhook: Webhook, submit: Submit, jonas: Customer) -> None:
    submit(customer=jonas)
    submit()
    records(1)
    assert len(webhook.bodies) == 1


def test_notifications_are_dropped_repeated_resent_and_forged(webhook: Webhook, submit: Submit) -> None:
    control("notify-mode/", {"mode": "drop"})
    dropped = submit()
    control("notify-mode/", {"mode": "repeat"})
    submit()
    records(2)
    control("notifications/", {"request_uuid": str(dropped.request_uuid)})
    control("notifications/", {"forge": {"anything": "at all"}})
    records(4)
    assert {"anything": "at all"} in webhook.bodies
    assert str(dropped.request_uuid) in [body.get("request_uuid") for body in webhook.bodies]
    assert control("notify-mode/", {"mode": "sometimes"}).status_code == 400


# --- Faults, by what a client of a real socket sees ------------------------------------------------------


@pytest.fixture
def served(transactional_db: None) -> Iterator[str]:
    running = server.bind(0, get_wsgi_application())
    stop = threading.Event()
    thread = threading.Thread(target=server.serve, args=([running], stop))
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    stop.set()
    thread.join(timeout=10)


def ask(served: str, key: str, path: str = "exams/accessible/", **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Service-API-Key {key}"}
        return session.get(f"{served}{API}/{path}", headers=headers, timeout=10, **options)


def fault(kind: str, match: str = "accessible", times: int = 1, **options: Any) -> None:
    answer = control("faults/", {"match": match, "kind": kind, "times": times, **options})
    assert answer.status_code == 201, answer.content


def test_a_fault_lasts_for_its_number_of_calls_and_its_endpoint(served: str, key: str) -> None:
    fault("status", status=429, headers={"Retry-After": "7"}, body="json", times=2)
    assert ask(served, key, "services/settings/").status_code == 200
    answers = [ask(served, key) for _ in range(3)]
    assert [each.status_code for each in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert not Fault.objects.exists()


@pytest.mark.parametrize("kind", ["cut", "cut_after"])
def test_a_cut_call_has_no_answer(served: str, key: str, kind: str) -> None:
    fault(kind)
    with pytest.raises(requests.ConnectionError):
        ask(served, key)
    assert ask(served, key).status_code == 200


def test_a_call_that_is_cut_afterwards_has_done_its_work(served: str, key: str, jonas: Customer) -> None:
    fault("cut_after", match="confirm")
    with pytest.raises(requests.ConnectionError):
        requests.post(
            f"{served}{API}/services/customer-confirmations/",
            json={"token": jonas.token},
            headers={"Authorization": f"Service-API-Key {key}"},
            timeout=10,
        )
    jonas.refresh_from_db()
    assert jonas.confirmed_at is not None


def test_a_truncated_answer_is_shorter_than_its_content_length(served: str, key: str) -> None:
    fault("truncate")
    answer = ask(served, key, stream=True)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        _ = answer.content


def test_pages_grow_shrink_and_lead_away(served: str, key: str, submit: Submit) -> None:
    submit(notify=False)
    fault("foreign_next", to="http://evil.example/x")
    assert ask(served, key).json()["next"] == "http://evil.example/x"
    fault("empty_list")
    assert ask(served, key).json() == {"count": 0, "next": None, "previous": None, "results": []}
    fault("grow", count=2)
    assert ask(served, key).json()["count"] == 1
    assert ask(served, key).json()["count"] == 3


def test_html_redirects_and_bombs(served: str, key: str) -> None:
    fault("html")
    assert ask(served, key).headers["Content-Type"] == "text/html"
    fault("redirect", to="https://example.com/x")
    assert ask(served, key, allow_redirects=False).headers["Location"] == "https://example.com/x"
    fault("gzip_bomb")
    answer = ask(served, key, stream=True)
    assert int(answer.headers["Content-Length"]) < 1_000_000
    answer.close()
    fault("no_length")
    assert "Content-Length" not in ask(served, key).headers


def test_a_fault_that_does_not_exist_is_refused(db: None) -> None:
    assert control("faults/", {"match": "accessible", "kind": "earthquake"}).status_code == 400
    assert control("faults/", {"match": "nowhere", "kind": "cut"}).status_code == 400
    assert len(faults.KINDS) == len(set(faults.KINDS))


# --- Who may call, and what is logged --------------------------------------------------------------


def test_callers_from_elsewhere_and_pages_of_other_sites_are_refused(db: None) -> None:
    assert Client(REMOTE_ADDR="192.168.1.7").get("/").status_code == 403
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example"):
        assert control("customers/", method="get", Origin=origin).status_code == 403
    assert control("customers/", method="get", Origin="http://127.0.0.1:8000").status_code == 200


def test_calls_are_logged_without_the_key(api: Client, key: str) -> None:
    api.get(f"{API}/services/settings/")
    Client().get(f"{API}/services/settings/")
    seen = [(each.endpoint, each.has_authorization, each.status) for each in Call.objects.all()]
    assert seen == [("settings", True, 200), ("settings", False, 403)]
    assert key not in json.dumps(control("calls/", method="get").json())


def test_a_reset_restores_the_initial_state(api: Client, submit: Submit, exams: dict[str, Any]) -> None:
    submit(notify=False)
    assert control("reset/").status_code == 204
    assert not Submission.objects.exists()
    assert behaviour.customers().count() == 3
    assert api.get(f"{API}/services/settings/").status_code == 403


@pytest.mark.parametrize(
    ("target", "goes"),
    [
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/"),
        ("https://evil.example/", "/"),
        ("http://127.0.0.1\\@evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_the_live_button_leads_back_to_this_machine_only(
    ada: Customer, exams: dict[str, Any], target: str, goes: str
) -> None:
    answer = Client().post("/sandbox/live/submit/", {"notify": "off", "next": target})
    assert (answer.status_code, answer["Location"]) == (303, goes)
    assert Submission.objects.count() == 1


@pytest.mark.parametrize(
    ("allowed", "caller", "status"),
    [
        (["10.1.0.0/16", "cloud"], "10.1.2.3", 200),
        (["10.1.2.3"], "10.1.2.3", 200),
        (["10.1.2.3"], "10.1.2.4", 403),
        (["cloud"], "10.1.2.3", 403),
        (["10.1.0.0/16"], "::ffff", 403),
    ],
)
def test_callers_from_elsewhere_are_let_in_by_name(
    db: None, settings: Any, allowed: list[str], caller: str, status: int
) -> None:
    settings.ALLOW = allowed
    assert Client(REMOTE_ADDR=caller).get("/").status_code == status
