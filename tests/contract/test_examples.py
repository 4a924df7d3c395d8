"""Every example of the two documented API versions: how the client reads it, and what it sends."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest

from integrations.clarius import AnnotationGroup, ClariusClient, Notification
from tests.contract.documents import example, names
from tests.integrations.clarius.servers import Canary, serving

# The example of the chapter on authentication, in both editions.
AUTHORIZATION = "Service-API-Key Q4nmtzH5.mvIzWOlklcrFJ3iWaJTFESYCzCe8j6TQ"
CARDIAC = uuid.UUID("2e79155f-811c-4d29-9b49-807b20013518")


def _items(pages: Iterator[Any]) -> list[Any]:
    (page,) = pages
    assert page.faulty == ()
    assert page.count == len(page.results)
    return list(page.results)


def _notification(row: Notification) -> dict[str, Any]:
    return {
        "request_uuid": str(row.request_uuid),
        "exam_uuid": str(row.exam_uuid),
        "customer_id": row.customer_id,
        "download_url": row.download_url,
        "submitted_at": row.submitted_at.isoformat().replace("+00:00", "Z"),
    }


def _key(row: Any) -> dict[str, Any]:
    return {"prefix": row.prefix, "name": row.name, "created": row.created.isoformat().replace("+00:00", "Z")}


def _record(row: Any) -> dict[str, Any]:
    return {
        "logged_at": row.logged_at.isoformat().replace("+00:00", "Z"),
        "event": {
            "sent_at": row.sent_at.isoformat().replace("+00:00", "Z"),
            "request": {"url": row.url, "method": row.method, "content": row.content},
            "response": row.response,
            "error": row.error,
        },
    }


def _application(row: Any) -> dict[str, Any]:
    groups = [group.to_json() for group in row.annotations]
    return {"uuid": str(row.uuid), "name": row.name, "annotations": groups}


def _data(client: ClariusClient, url: str) -> dict[str, Any]:
    data = client.download_data(download_url=url)
    captures = [{"url": capture.given} for capture in data.captures]
    return {"request_uuid": str(data.request_uuid), "patient": data.patient, "captures": captures}


def _created(client: ClariusClient) -> dict[str, Any]:
    created = client.create_api_key(name="My new api key")
    return {**_key(created), "key": created.key.reveal()}


# The client's object for an answer, written as JSON again; for a page these are its results.
READERS: dict[str, Callable[[ClariusClient, str], Any]] = {
    "poll": lambda client, url: [_notification(row) for row in _items(client.exam_pages())],
    "download-data": _data,
    "tokens": lambda client, url: _items(client.confirmed_token_pages()),
    "records": lambda client, url: [_record(row) for row in _items(client.notification_record_pages())],
    "keys": lambda client, url: [_key(row) for row in client.list_api_keys()],
    "key-created": lambda client, url: _created(client),
    "applications": lambda client, url: [
        {"uuid": str(row.uuid), "name": row.name} for row in client.list_applications()
    ],
    "customized-applications": lambda client, url: [
        _application(row) for row in client.list_customized_applications()
    ],
    "customized-application": lambda client, url: _application(
        client.get_customized_application(uuid=CARDIAC)
    ),
}


def _customize(client: ClariusClient) -> None:
    group = AnnotationGroup(title="Our special annotations", labels=("LABEL1", "LABEL2"), linked=False)
    client.customize_application(uuid=CARDIAC, annotations=[group])


# The call that sends a payload, and the Cloud's answer to it.
SENDERS: dict[str, tuple[Callable[[ClariusClient], Any], str, str]] = {
    "confirmation-call": (
        lambda client: client.confirm_customer(token="my customer token"),
        "POST services/customer-confirmations/",
        "confirmation-call",
    ),
    "confirmation-payload": (
        lambda client: client.confirm_customer(token="eYENW6HO4xdM0KlGO2kBXtTbD5XX1LTfdV-vYslapMY"),
        "POST services/customer-confirmations/",
        "confirmation-payload",
    ),
    "settings-payload": (
        lambda client: client.update_settings(token_transfer_url="https://example.com/{token}/"),
        "PATCH services/settings/",
        "settings",
    ),
    "key-call": (_created, "POST services/api-keys/", "key-created"),
    "key-payload": (_created, "POST services/api-keys/", "key-created"),
    "customization-payload": (
        _customize,
        f"PUT services/applications/{CARDIAC}/",
        "customized-application",
    ),
}
SETTINGS = {"notification_url": "", "token_transfer_url": "https://example.com/{token}/"}


def answering(body: Any) -> Any:
    return serving(lambda handler, call: handler.reply(200, body))


def client_of(cloud: Canary) -> ClariusClient:
    key = AUTHORIZATION.partition(" ")[2]
    return ClariusClient(base_url=cloud.url, api_key=key, allowed_networks=["127.0.0.1/32"])


def by_kind(kinds: Any) -> list[str]:
    return sorted(name for name in names() if name.partition("/")[2] in kinds)


def test_every_example_has_a_case() -> None:
    assert {name.partition("/")[2] for name in names()} == {*READERS, *SENDERS, "notification"}
    assert {name.partition("/")[0] for name in names()} == {"current", "earlier"}
    assert len(names()) == 22


@pytest.mark.parametrize("name", by_kind(READERS))
def test_no_field_of_a_documented_answer_is_lost(name: str) -> None:
    documented = example(name)
    with answering(documented) as cloud, client_of(cloud) as client:
        read = READERS[name.partition("/")[2]](client, f"{cloud.url}/some/download/")
    is_page = isinstance(documented, dict) and "results" in documented
    assert read == (documented["results"] if is_page else documented)
    assert {call.headers["Authorization"] for call in cloud.calls} == {AUTHORIZATION}


@pytest.mark.parametrize("name", by_kind(SENDERS))
def test_payloads_are_sent_as_documented(name: str) -> None:
    send, line, answer = SENDERS[name.partition("/")[2]]
    body = SETTINGS if answer == "settings" else example(f"current/{answer}")
    with answering(body) as cloud, client_of(cloud) as client:
        send(client)
    (call,) = cloud.calls
    assert f"{call.method} {call.path.removeprefix('/api/public/v0/')}" == line
    assert call.headers["Content-Type"] == "application/json"
    assert call.json() == example(name)


@pytest.mark.parametrize("edition", ["current", "earlier"])
def test_a_documented_notification_is_read(edition: str) -> None:
    documented = example(f"{edition}/notification")
    read = Notification.from_json(documented)
    assert _notification(read) == documented
    assert asdict(read)["extra"] == {}
    assert json.dumps(documented).count("cf1b649c-428a-4cc2-b726-066f8a8c31a7") == 2
