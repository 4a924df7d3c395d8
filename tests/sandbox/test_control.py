"""Calls of the control plane, and what it refuses."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from sandbox.models import Call, Customer, Fault, Service, Submission

API = "/api/public/v0"
Submit = Callable[..., Submission]


def control(path: str, body: object = None, method: str = "post") -> Any:
    """Make one call of the control plane."""
    sent = "" if body is None else body
    return getattr(Client(), method)(f"/sandbox/control/{path}", sent, content_type="application/json")


def test_a_new_key_is_accepted_until_it_is_revoked(db: None) -> None:
    key = control("keys/", {"name": "x"}).json()
    caller = Client(headers={"Authorization": f"Service-API-Key {key['key']}"})
    assert caller.get(f"{API}/services/settings/").status_code == 200
    assert control(f"keys/{key['prefix']}/revoke/").status_code == 204
    assert caller.get(f"{API}/services/settings/").status_code == 403
    assert control(f"keys/{key['prefix']}/revoke/").status_code == 400


def test_a_customer_is_added_with_the_token_that_was_asked_for(service: Service) -> None:
    answer = control(
        "customers/", {"name": "Dr. Ray", "institution": "Pier", "token": "-_a", "confirmed": True}
    )
    facts = answer.json()
    assert answer.status_code == 201
    assert (facts["token"], facts["name"], facts["institution"]) == ("-_a", "Dr. Ray", "Pier")
    assert facts["connect_url"] == "https://portal.example/connect/?token=-_a&from=cloud"
    assert facts["confirmed_at"] is not None
    assert facts in control("customers/", method="get").json()


def test_a_subscription_and_a_confirmation_can_be_withdrawn(ada: Customer, api: Client) -> None:
    control(f"customers/{ada.token}/", {"is_subscribed": False}, method="patch")
    assert api.get(f"{API}/services/confirmed-tokens/").json()["results"] == []
    control(f"customers/{ada.token}/", {"is_subscribed": True}, method="patch")
    assert api.get(f"{API}/services/confirmed-tokens/").json()["results"] == [ada.token]
    control(f"customers/{ada.token}/", {"confirmed": False}, method="patch")
    assert api.get(f"{API}/services/confirmed-tokens/").json()["results"] == []


def test_a_submission_is_returned_in_full_and_can_be_removed_from_the_poll(
    ada: Customer, exams: dict[str, Any], api: Client
) -> None:
    exam_uuid = str(uuid.uuid4())
    body = {"customer": ada.token, "exam": "cardiac-loop", "exam_uuid": exam_uuid, "capture_count": 7}
    facts = control("submissions/", {**body, "patient": {"last_name": "Doe"}, "notify": False}).json()
    assert (facts["exam_uuid"], facts["customer_id"]) == (exam_uuid, ada.token)
    assert len({each["name"] for each in facts["captures"]}) == 7
    assert all(each["size"] > 0 and len(each["sha256"]) == 64 for each in facts["captures"])
    assert control("submissions/", method="get").json() == [facts]
    assert control(f"submissions/{facts['request_uuid']}/", method="delete").status_code == 204
    assert api.get(f"{API}/exams/accessible/").json()["count"] == 0


@pytest.mark.parametrize(
    ("said", "polled"),
    [
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05.120000+02:00", "2026-01-02T01:04:05.120000Z"),
    ],
)
def test_times_are_in_utc(ada: Customer, exams: dict[str, Any], api: Client, said: str, polled: str) -> None:
    control("submissions/", {"customer": ada.token, "exam": "pelvis", "submitted_at": said, "notify": False})
    (row,) = api.get(f"{API}/exams/accessible/").json()["results"]
    assert row["submitted_at"] == polled


def test_exams_are_listed_as_they_can_be_sent(db: None, exams: dict[str, Any]) -> None:
    listed = {each["slug"]: each for each in control("exams/", method="get").json()}
    assert set(listed) == set(exams)
    assert listed["cardiac-loop"]["captures"] == len(exams["cardiac-loop"].files)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("customers/", {}, 400),
        ("customers/", [], 400),
        ("customers/", {"name": "x", "token": "taken"}, 400),
        ("customers/nobody/", {"is_subscribed": True}, 405),
        ("submissions/", {"customer": "nobody"}, 404),
        ("submissions/", {"customer": "taken", "exam": "no-such-exam"}, 400),
        ("submissions/", {"customer": "taken", "exam_uuid": "x"}, 400),
        ("submissions/", {"customer": "taken", "submitted_at": "yesterday"}, 400),
        ("submissions/", {"customer": "taken", "patient": "Doe"}, 400),
        ("submissions/", {"customer": "taken", "exam": "pelvis", "capture_count": "many"}, 400),
        ("submissions/", {"customer": "taken", "ready_after": 1e300}, 400),
        ("notifications/", {"request_uuid": str(uuid.uuid4())}, 404),
        ("notifications/", {"forge": {}}, 400),
        ("notifications/", {}, 400),
    ],
)
def test_an_impossible_call_is_refused_with_the_reason_and_changes_nothing(
    db: None, exams: dict[str, Any], path: str, body: object, status: int
) -> None:
    Customer.objects.create(name="Holder", token="taken")
    answer = control(path, body)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert (Customer.objects.count(), Submission.objects.count()) == (1, 0)


def test_a_body_that_is_not_json_is_refused(db: None) -> None:
    assert control("keys/", "{").status_code == 400


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cut", "times": 0},
        {"kind": "cut", "times": -1},
        {"kind": "cut", "seconds": 1},
        {"kind": "status", "status": "many"},
        {"kind": "status", "status": 99},
        {"kind": "status", "body": "poem"},
        {"kind": "status", "headers": "Retry-After"},
        {"kind": "status", "headers": {"Retry-After": "1\r\nSet-Cookie: a=b"}},
        {"kind": "delay", "seconds": -1},
        {"kind": "delay", "seconds": None},
        {"kind": "truncate", "fraction": "nan"},
        {"kind": "redirect", "to": "http://a\r\nb"},
        {"kind": "grow", "count": -1},
    ],
)
def test_a_fault_that_can_never_happen_is_refused(db: None, fault: dict[str, Any]) -> None:
    assert control("faults/", {"match": "*", **fault}).status_code == 400
    assert not Fault.objects.exists()


def test_faults_are_listed_and_cleared(db: None) -> None:
    sent = {"match": "media", "kind": "delay", "times": 3, "seconds": 2}
    made = control("faults/", sent)
    said = {"match": "media", "kind": "delay", "times": 3, "options": {"seconds": 2.0}}
    assert (made.status_code, made.json()) == (201, said)
    assert control("faults/", method="get").json() == [said]
    assert control("faults/", method="delete").status_code == 204
    assert control("faults/", method="get").json() == []


def test_a_status_after_the_work_hides_that_it_was_done(api: Client, jonas: Customer) -> None:
    control("faults/", {"match": "confirm", "kind": "status_after", "status": 502})
    sent = json.dumps({"token": jonas.token})
    answer = api.post(f"{API}/services/customer-confirmations/", sent, content_type="application/json")
    assert answer.status_code == 502
    jonas.refresh_from_db()
    assert jonas.confirmed_at is not None


@pytest.mark.parametrize("kind", ["reorder", "empty_list", "grow", "foreign_next"])
def test_faults_of_pages_leave_answers_without_a_body_alone(api: Client, kind: str) -> None:
    prefix = control("keys/", {"name": "other"}).json()["prefix"]
    control("faults/", {"match": "keys", "kind": kind})
    answer = api.delete(f"{API}/services/api-keys/{prefix}/")
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_plain_list_can_be_empty_too(api: Client) -> None:
    control("faults/", {"match": "keys", "kind": "empty_list"})
    assert api.get(f"{API}/services/api-keys/").json() == []
    assert len(api.get(f"{API}/services/api-keys/").json()) == 1


def test_calls_are_listed_since_one_of_them_or_a_time(api: Client) -> None:
    for _ in range(3):
        api.get(f"{API}/services/settings/")
    first, *later = control("calls/", method="get").json()
    assert control(f"calls/?since={first['id']}", method="get").json() == later
    Call.objects.filter(id=first["id"]).update(at=datetime(2026, 1, 1, tzinfo=UTC))
    assert control("calls/?since=2026-01-01T00:00:01Z", method="get").json() == later
    assert len(control("calls/?since=2026-01-01T01:00:00+01:00", method="get").json()) == 3
    assert control("calls/?since=lately", method="get").status_code == 400
