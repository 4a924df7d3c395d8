"""The Cloud's calls to the webhook, and its log of them."""

import time
from collections.abc import Iterator

import pytest

from integrations.clarius import ClariusClient, Notification, NotificationRecord
from tests.cloud import Cloud
from tests.contract.calls import covers
from tests.contract.conftest import Side
from tests.contract.documents import differences, example
from tests.integrations.clarius.servers import Canary, serving

SECONDS = 10


@pytest.fixture
def webhook(client: ClariusClient, sandbox: Cloud) -> Iterator[Canary]:
    with serving(lambda handler, call: handler.reply(204)) as canary:
        client.update_settings(notification_url=f"{canary.url}/hook/")
        yield canary


def recorded(client: ClariusClient, count: int) -> tuple[NotificationRecord, ...]:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        page = next(client.notification_record_pages())
        if page.count >= count:
            return page.results
        time.sleep(0.05)
    pytest.fail(f"{count} records did not come")


@covers(2)
def test_a_notification_is_a_plain_post_of_the_submission_that_the_poll_lists(
    client: ClariusClient, customer: str, sandbox: Cloud, webhook: Canary
) -> None:
    sandbox.submit(customer=customer)
    recorded(client, 1)
    (call,) = webhook.calls
    assert (call.method, call.path) == ("POST", "/hook/")
    assert "Authorization" not in call.headers
    assert set(call.json()) == set(example("current/notification"))
    assert differences(example("current/notification"), call.json()) == []
    sent = Notification.from_json(call.json())
    (listed,) = next(client.exam_pages()).results
    assert (sent.request_uuid, sent.exam_uuid, sent.customer_id, sent.submitted_at) == (
        listed.request_uuid,
        listed.exam_uuid,
        listed.customer_id,
        listed.submitted_at,
    )


@covers(2)
def test_the_download_urls_of_notification_and_poll_differ_and_give_the_same_data(
    client: ClariusClient, customer: str, sandbox: Cloud, webhook: Canary
) -> None:
    sandbox.submit(customer=customer)
    recorded(client, 1)
    sent = Notification.from_json(webhook.calls[0].json())
    (listed,) = next(client.exam_pages()).results
    assert sent.download_url != listed.download_url
    one, other = (client.download_data(download_url=each.download_url) for each in (sent, listed))
    assert (one.request_uuid, one.patient, len(one.captures)) == (
        other.request_uuid,
        other.patient,
        len(other.captures),
    )


@covers(10)
def test_every_record_can_be_read(client: ClariusClient, side: Side) -> None:
    page = next(client.notification_record_pages(limit=5))
    assert page.faulty == ()
    assert len(page.results) == min(5, page.count)
    documented, answered = example("current/records"), side.ask("GET", "services/notifications/records/")
    assert differences(documented, answered) == []


@covers(10)
def test_records_hold_request_and_answer_and_come_newest_first(
    client: ClariusClient, side: Side, customer: str, sandbox: Cloud, webhook: Canary
) -> None:
    sandbox.submit(customer=customer)
    recorded(client, 1)
    client.update_settings(notification_url="http://127.0.0.1:9/away/")
    sandbox.submit(customer=customer)
    away, taken = recorded(client, 2)
    assert (away.response, away.url) == (None, "http://127.0.0.1:9/away/")
    assert away.error
    assert (taken.error, taken.response["status_code"], taken.method) == (None, 204, "POST")
    assert taken.content.encode() == webhook.calls[0].body
    assert taken.sent_at <= taken.logged_at <= away.logged_at
    assert differences(example("current/records"), side.ask("GET", "services/notifications/records/")) == []
