"""Missing required fields are named and undocumented fields are kept."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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
        ["request_uuid", "exam_uuid", "customer_id", "download_url"],
    ),
    (data, example("current/download-data"), ["request_uuid"]),
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
        ],
    ),
    (RemoteKey.from_json, example("current/keys")[0], ["prefix"]),
    (CreatedKey.from_json, example("current/key-created"), ["key"]),
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


NOTIFICATION = example("current/notification")


@pytest.mark.parametrize(
    "when",
    [
        # Some time zones cannot show these, and one such row would break the worklist for their readers.
        *("9999-12-31T23:30:00Z", "0001-01-01T00:30:00Z", "0001-01-01T00:30:00+14:00"),
        *(None, 7, "", "yesterday", "30 Nov 2026", "2026-13-01T00:00:00Z", "2026-11-30T10:15:61Z", []),
    ],
)
def test_an_exam_whose_time_cannot_be_read_has_none(when: Any) -> None:
    assert Notification.from_json(NOTIFICATION | {"submitted_at": when}).submitted_at is None
    without = {name: value for name, value in NOTIFICATION.items() if name != "submitted_at"}
    assert Notification.from_json(without).submitted_at is None


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-11-30T10:15:20Z", 20),
        ("2026-11-30t10:15:20z", 20),
        ("2026-11-30 10:15:20+00:00", 20),
        ("2026-11-30T11:15:20+0100", 20),
        ("2026-11-30T11:15:20.123456789+01", 20),
        ("2026-11-30T10:15:60Z", 60),
        ("2026-11-30T10:15:60.5-00:00", 60),
        ("2026-11-30T10:15:20", 20),
    ],
)
def test_every_form_of_a_time_is_read(written: str, seconds: int) -> None:
    read = Notification.from_json(NOTIFICATION | {"submitted_at": written}).submitted_at
    assert read is not None
    minute = datetime(2026, 11, 30, 10, 15, tzinfo=UTC)
    assert read.replace(microsecond=0) == minute + timedelta(seconds=seconds)


def test_an_item_that_cannot_be_read_names_its_submission() -> None:
    with pytest.raises(errors.ProtocolError, match="customer_id") as caught:
        Notification.from_json(NOTIFICATION | {"customer_id": None})
    assert caught.value.detail == f"submission {NOTIFICATION['request_uuid']}"


@pytest.mark.parametrize(("content", "read"), [({"a": 1}, '{"a": 1}'), (7, "7"), (None, ""), ("{", "{")])
def test_the_content_of_a_record_may_be_anything(content: Any, read: str) -> None:
    record = copy.deepcopy(example("current/records")["results"][0])
    record["event"]["request"]["content"] = content
    assert NotificationRecord.from_json(record).content == read


def test_a_new_key_survives_whatever_else_cannot_be_read() -> None:
    key = CreatedKey.from_json({"key": "Q4nmtzH5.secret", "name": None, "created": 7})
    assert (key.prefix, key.name, key.created, key.key.reveal()) == ("Q4nmtzH5", "", None, "Q4nmtzH5.secret")


DATA_URL = "https://cloud.example/api/requests/1/data/?signature=x"


@pytest.mark.parametrize(
    ("item", "url"),
    [
        ({"url": "https://media.example/a.jpg?s=1"}, "https://media.example/a.jpg?s=1"),
        ({"url": "//media.example/a.jpg"}, "https://media.example/a.jpg"),
        ({"url": "/media/a.jpg"}, "https://cloud.example/media/a.jpg"),
        ({"url": "a.jpg"}, "https://cloud.example/api/requests/1/data/a.jpg"),
        ({"url": "//[x/a.jpg"}, ""),
        *(({"url": odd}, "") for odd in (None, 7, "", "\ud800")),
        *((odd, "") for odd in (None, 7, "x", [], {})),
    ],
)
def test_one_capture_without_a_readable_link_hides_no_other(item: Any, url: str) -> None:
    good = {"url": "https://media.example/b.mp4"}
    read = DownloadData.from_json(
        example("current/download-data") | {"captures": [item, good]}, raw="", base=DATA_URL
    )
    assert read.captures is not None
    assert [each.url for each in read.captures] == [url, good["url"]]


@pytest.mark.parametrize("captures", [None, {}, "x", 7])
def test_data_without_a_list_of_captures_still_has_its_patient(captures: Any) -> None:
    read = data(example("current/download-data") | {"captures": captures})
    assert read.captures is None
    assert read.patient
