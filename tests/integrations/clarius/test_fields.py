"""Missing required fields are named and undocumented fields are kept."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from integrations.clarius import (
    Application,
    CreatedKey,
    CustomizedApplication,
    DownloadData,
    Notification,
    NotificationRecord,
    RemoteKey,
    RemoteSettings,
    errors,
)
from tests.contract.documents import example

SETTINGS = {"notification_url": "", "token_transfer_url": ""}
Read = Callable[[Any], Any]


def data(value: Any) -> DownloadData:
    return DownloadData.from_json(value, raw="")


# Reader, example, and the required fields by their path.
CASES: list[tuple[Read, Any, list[str]]] = [
    (
        Notification.from_json,
        example("current/notification"),
        ["request_uuid", "exam_uuid", "customer_id", "download_url", "submitted_at"],
    ),
    (data, example("current/download-data"), ["request_uuid", "captures", "captures.0.url"]),
    (RemoteSettings.from_json, SETTINGS, ["notification_url", "token_transfer_url"]),
    (
        NotificationRecord.from_json,
        example("current/records")["results"][0],
        [
            "logged_at",
            "event",
            "event.sent_at",
            "event.request",
            "event.request.url",
            "event.request.method",
            "event.request.content",
        ],
    ),
    (RemoteKey.from_json, example("current/keys")[0], ["prefix", "name", "created"]),
    (CreatedKey.from_json, example("current/key-created"), ["prefix", "name", "created", "key"]),
    (Application.from_json, example("current/applications")[0], ["uuid", "name"]),
    (
        CustomizedApplication.from_json,
        example("current/customized-application"),
        ["uuid", "name", "annotations", *(f"annotations.0.{part}" for part in ("title", "labels", "linked"))],
    ),
]
FIELDS = [(read, value, path) for read, value, paths in CASES for path in paths]
# Their unknown fields are shown or sent back.
KEEPERS = [case for case in CASES if case[0] not in (RemoteKey.from_json, CreatedKey.from_json)]


def holder(value: Any, path: str) -> tuple[Any, str]:
    """Return the object that holds the last part of a path, and that part."""
    *way, last = path.split(".")
    for part in way:
        value = value[int(part)] if part.isdigit() else value[part]
    return value, last


@pytest.mark.parametrize(("read", "value", "path"), FIELDS, ids=[path for _, _, path in FIELDS])
def test_a_required_field_that_is_missing_or_malformed_is_named(read: Read, value: Any, path: str) -> None:
    read(value)
    without, odd = copy.deepcopy(value), copy.deepcopy(value)
    place, name = holder(without, path)
    del place[name]
    place, name = holder(odd, path)
    place[name] = 7
    for broken in (without, odd):
        with pytest.raises(errors.ProtocolError, match=name):
            read(broken)


@pytest.mark.parametrize("read", [read for read, _, _ in CASES])
@pytest.mark.parametrize("value", [None, [], "x", 7, True])
def test_an_answer_that_is_not_an_object_is_a_protocol_error(read: Read, value: Any) -> None:
    with pytest.raises(errors.ProtocolError):
        read(value)


@pytest.mark.parametrize(("read", "value", "paths"), KEEPERS)
def test_undocumented_fields_are_kept_as_they_are(read: Read, value: Any, paths: list[str]) -> None:
    more = {"later": {"nested": [1, None, "text"]}}
    assert read({**value, **more}).extra == more
    assert read(value).extra == {}


def test_settings_that_are_null_are_off() -> None:
    off = RemoteSettings.from_json({"notification_url": None, "token_transfer_url": None})
    assert (off.notification_url, off.token_transfer_url) == ("", "")


@pytest.mark.parametrize(
    "when", ["9999-12-31T23:30:00Z", "0001-01-01T00:30:00Z", "0001-01-01T00:30:00+14:00"]
)
def test_a_time_that_some_time_zones_cannot_show_is_none(when: str) -> None:
    # One such row would break the worklist for readers east or west of Greenwich.
    with pytest.raises(errors.ProtocolError, match="submitted_at"):
        Notification.from_json(example("current/notification") | {"submitted_at": when})
