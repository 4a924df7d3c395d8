"""Faults that change the content rather than the connection, each for its number of calls."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from sandbox import faults
from sandbox.models import Customer, Fault, NotificationRecord, Submission
from tests.sandbox.webhook import Webhook, records

API = "/api/public/v0"
Submit = Callable[..., Submission]


def add(match: str, kind: str, times: int = 1, **options: Any) -> Any:
    body = {"match": match, "kind": kind, "times": times, **options}
    return Client().post("/sandbox/control/faults/", body, content_type="application/json")


def poll(api: Client, **query: Any) -> dict[str, Any]:
    page: dict[str, Any] = api.get(f"{API}/exams/accessible/", query).json()
    return page


@pytest.mark.parametrize("kind", faults.KINDS)
def test_a_fault_can_be_set_only_where_it_can_happen(db: None, kind: str) -> None:
    for match in faults.MATCHES:
        is_possible = kind in faults.kinds_for(match)
        assert add(match, kind).status_code == (201 if is_possible else 400)
        assert Fault.objects.filter(match=match).exists() == is_possible


def test_addresses_of_another_origin_are_listed_for_two_polls(api: Client, submit: Submit) -> None:
    submit(notify=False)
    add("accessible", "foreign_url", times=2)
    rows = [poll(api)["results"][0]["download_url"] for _ in range(3)]
    assert [urlsplit(row).hostname for row in rows] == ["evil.example", "evil.example", "127.0.0.1"]
    assert urlsplit(rows[0]).path == urlsplit(rows[2]).path
    add("accessible", "foreign_url", to="http://127.0.0.1:9/x")
    assert poll(api)["results"][0]["download_url"] == "http://127.0.0.1:9/x"


def test_the_list_is_in_another_order_from_page_to_page(api: Client, submit: Submit) -> None:
    all_rows = {str(submit(notify=False).request_uuid) for _ in range(6)}
    straight = [row["request_uuid"] for row in poll(api)["results"]]
    add("accessible", "reorder", times=40)
    orders = set()
    firsts = set()
    for _ in range(20):
        orders.add(tuple(row["request_uuid"] for row in poll(api)["results"]))
        firsts.add(poll(api, limit=1)["results"][0]["request_uuid"])
    assert {frozenset(order) for order in orders} == {frozenset(all_rows)}
    assert len(orders) > 1
    assert len(firsts) > 1
    assert [row["request_uuid"] for row in poll(api)["results"]] == straight


def test_the_key_of_a_call_is_revoked_by_it(api: Client) -> None:
    add("settings", "revoke_key")
    assert poll(api)["count"] == 0
    assert [api.get(f"{API}/services/settings/").status_code for _ in range(2)] == [403, 403]


def test_links_can_expire_as_they_are_issued(api: Client, media: Callable[..., Any], submit: Submit) -> None:
    path = f"{API}/download-requests/{submit(notify=False).request_uuid}/data/"
    add("download", "expire_links")
    dead, alive = (api.get(path).json()["captures"][0]["url"] for _ in range(2))
    assert media(dead).status_code == 403
    assert media(alive).status_code == 200
    add("media", "expire_links")
    assert media(alive).status_code == 403


# --- Notifications ---------------------------------------------------------------------------------------


def test_the_next_notifications_are_lost_and_repeated_and_later_ones_are_normal(
    webhook: Webhook, submit: Submit
) -> None:
    add("notification", "drop", times=2)
    add("notification", "repeat")
    sent = [str(submit().request_uuid) for _ in range(4)]
    records(3)
    assert sorted(body["request_uuid"] for body in webhook.bodies) == sorted([sent[2], sent[2], sent[3]])
    assert not Fault.objects.exists()


def test_a_notification_comes_late(webhook: Webhook, submit: Submit) -> None:
    # Longer than a busy machine takes for the second.
    add("notification", "delay", seconds=4)
    late, prompt = str(submit().request_uuid), str(submit().request_uuid)
    records(2)
    assert [body["request_uuid"] for body in webhook.bodies] == [prompt, late]


def test_a_notification_can_have_an_unknown_customer_or_a_foreign_url(
    webhook: Webhook, submit: Submit, ada: Customer
) -> None:
    add("notification", "unknown_customer")
    submit()
    records(1)
    add("notification", "foreign_url")
    submit()
    records(2)
    stranger, astray = webhook.bodies
    assert not Customer.objects.filter(token=stranger["customer_id"]).exists()
    assert (astray["customer_id"], urlsplit(astray["download_url"]).hostname) == (ada.token, "evil.example")


def test_the_service_is_notified_of_customers_whom_it_never_confirmed(
    webhook: Webhook, submit: Submit, jonas: Customer, api: Client
) -> None:
    add("notification", "unconfirmed")
    submit()
    notified = submit(customer=jonas)
    submit(customer=jonas)
    records(2)
    assert [body["customer_id"] for body in webhook.bodies].count(jonas.token) == 1
    assert str(notified.request_uuid) in {body["request_uuid"] for body in webhook.bodies}
    assert str(notified.request_uuid) not in {row["request_uuid"] for row in poll(api)["results"]}


def test_faults_of_every_call_do_not_affect_notifications(webhook: Webhook, submit: Submit) -> None:
    add("*", "cut")
    submit()
    records(1)
    assert Fault.objects.count() == 1
    assert NotificationRecord.objects.get().response == {"status_code": 204, "content": ""}
