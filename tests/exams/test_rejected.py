"""Rejected notifications are kept for administrators, masked and limited in number."""

import json
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from accounts.roles import ADMINISTRATORS
from exams.models import RejectedNotification, Submission
from exams.views import webhook
from integrations.models import Service
from tests.databases import inserts_fail
from tests.exams.notifying import address, claim, send
from tests.exams.rows import make_service, new_token
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(db: None) -> Service:
    webhook.endpoints.forget()
    return make_service()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"hello?", 400),
        (b" ", 400),
        (b'{"request_uuid": 5}', 400),
        (b"\x00\xff\xfe bytes", 400),
        (b"x" * 100_000, 413),
    ],
)
def test_the_beginning_of_a_rejected_notification_is_kept(service: Service, body: bytes, status: int) -> None:
    assert send(service, body, content_type="text/x-odd") == status
    row = RejectedNotification.objects.get()
    assert (row.service, row.status, row.content_type) == (service, status, "text/x-odd")
    assert len(row.body.encode()) <= 2048
    assert "\x00" not in row.body
    assert not Submission.objects.exists()


def test_a_kept_body_holds_no_secret(service: Service) -> None:
    token, key = new_token(), "Ab3dEf7h.ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    body = claim(
        request_uuid="not one",
        customer_id=token,
        note=f"Service-API-Key {key} and {token[:24]} at {address(service)}",
        download_url="https://cloud.example.com/data/?signature=sig-of-somebody",
    )
    assert send(service, body) == 400
    kept = RejectedNotification.objects.get().body
    for secret in (token, token[:24], key, key[9:], service.webhook_secret, "sig-of-somebody"):
        assert secret not in kept
    # The parts that show administrators what it was stay readable.
    assert body["exam_uuid"] in kept
    assert "request_uuid" in kept


@pytest.mark.parametrize(
    "body",
    [
        b'{"request_uuid": "not one", "customer_id": "pa\\"ss.wd", "note": "here"}',
        b"request_uuid=x&customer_id=pa'ss.wd&note=here",
        b"{'customer_id': 'pass.wd', 'note': 'here'}",
        b'{"note": "here", "customer_id": "pass.wd',
    ],
)
def test_a_short_token_is_masked_by_its_name(service: Service, body: bytes) -> None:
    assert send(service, body) == 400
    kept = RejectedNotification.objects.get().body
    assert "ss" not in kept.replace("customer", "") and "wd" not in kept
    assert "customer_id" in kept and "here" in kept


def test_a_secret_that_the_cut_would_split_is_masked_as_well(service: Service) -> None:
    token = new_token()
    assert send(service, b"-" * 2030 + b" " + token.encode()) == 400
    assert token[:8] not in RejectedNotification.objects.get().body


def test_only_the_newest_are_kept(service: Service, settings: Any) -> None:
    settings.REJECTED_LIMIT = 20
    settings.REJECTED_EXCESS = 5
    for number in range(60):
        send(service, f"body {number}")
    kept = list(RejectedNotification.objects.order_by("pk").values_list("body", flat=True))
    assert 20 <= len(kept) < 25
    assert kept[-20:] == [f"body {number}" for number in range(40, 60)]


def test_neither_a_wrong_secret_nor_a_valid_notification_is_kept_as_rejected(
    service: Service, django_assert_num_queries: Any
) -> None:
    Client().post(address(service, secret="x" * 43), b"body", "text/plain")
    assert send(service, claim()) == 204
    with django_assert_num_queries(1):
        send(service, claim())
    assert not RejectedNotification.objects.exists()


def test_a_rejected_notification_that_cannot_be_kept_is_answered_all_the_same(service: Service) -> None:
    with inserts_fail(RejectedNotification, DatabaseError()):
        assert send(service, b"body") == 400


def test_an_administrator_can_read_it_but_not_change_it(service: Service) -> None:
    send(service, json.dumps({"hello": "<script>"}))
    row = RejectedNotification.objects.get()
    browser = logged_in(make_person("administrator", ADMINISTRATORS, is_staff=True))
    listed = browser.get("/admin/exams/rejectednotification/")
    page = browser.get(f"/admin/exams/rejectednotification/{row.pk}/change/")
    assert "&lt;script&gt;" in listed.content.decode()
    assert "&lt;script&gt;" in page.content.decode()
    assert "<script>&quot;" not in page.content.decode()
    assert browser.get("/admin/exams/rejectednotification/add/").status_code == 403
    assert browser.post(f"/admin/exams/rejectednotification/{row.pk}/delete/").status_code == 403
