"""The Cloud's log of its notifications is copied without secrets, each record once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from integrations.models import NotificationRecord, Service, Sync
from integrations.services.masking import describe_response, mask_content, mask_text, request_of
from integrations.services.sync import read_now

pytestmark = pytest.mark.django_db
PATH = "services/notifications/records/?limit=100"
REQUEST = "cf1b649c-428a-4cc2-b726-066f8a8c31a7"
TOKEN = "eYENW6HO4xdM0KlGO2kBXtTbD5XX1LTfdV-vYslapMY"
CONTENT = (
    f'{{"request_uuid": "{REQUEST}", "exam_uuid": "418c1f0f-4dd5-4c65-ae68-1fe8eccf46e5", '
    f'"customer_id": "{TOKEN}", "download_url": "https://cloud.example/api/{REQUEST}/data/", '
    '"submitted_at": "2022-10-22T03:10:47.231755Z"}'
)


def _record(**changes: Any) -> dict[str, Any]:
    sent = timezone.now() - timedelta(hours=1)
    given = {
        "url": "https://portal.example/webhooks/clarius/echo/" + "s3cret-" * 6 + "/",
        "content": CONTENT,
        "response": {"status_code": 204, "content": ""},
        "error": None,
        "sent_at": sent,
    } | changes
    at = given["sent_at"]
    return {
        "logged_at": (at + timedelta(seconds=1.5)).isoformat(),
        "event": {
            "sent_at": at.isoformat(),
            "request": {"url": given["url"], "method": "POST", "content": given["content"]},
            "response": given["response"],
            "error": given["error"],
        },
    }


def _read(scripted: Any, service: Service, *records: Any) -> Sync:
    page = {"count": len(records), "next": None, "previous": None, "results": list(records)}
    scripted.script("GET", PATH, lambda: (200, page))
    sync = read_now(service=service, kind=Sync.Kind.RECORDS)
    assert sync is not None
    return sync


def test_a_record_is_stored_once_with_its_outcome(scripted: Any, service: Service) -> None:
    failed = _record(response=None, error="timed out", sent_at=datetime.now(UTC) - timedelta(days=1))
    answered = _record()
    sync = _read(scripted, service, answered, failed, answered)
    assert sync.result == "3 at the Cloud, 2 new"
    assert _read(scripted, service, failed, answered).result == "2 at the Cloud, 0 new"
    first, second = NotificationRecord.objects.order_by("-sent_at")
    assert (first.outcome, first.status, first.latency_ms) == ("answered", 204, 1500)
    assert (second.outcome, second.status, second.error) == ("failed", None, "timed out")
    assert str(first.request_uuid) == REQUEST


@pytest.mark.parametrize(
    ("response", "error", "outcome"),
    [
        ({"status_code": 500}, None, "failed"),
        ({"status_code": 302}, None, "failed"),
        (None, None, "unclear"),
        ("204 No Content", None, "answered"),
        ({"who": ["knows", {"this": 1}]}, None, "unclear"),
        (201, None, "answered"),
        ({"status": "503"}, "", "failed"),
    ],
)
def test_a_response_of_any_shape_is_accepted(
    scripted: Any, service: Service, response: Any, error: Any, outcome: str
) -> None:
    _read(scripted, service, _record(response=response, error=error))
    assert NotificationRecord.objects.get().outcome == outcome


def test_neither_token_nor_secret_is_stored_in_clear(scripted: Any, service: Service) -> None:
    key = service.api_keys.get().secret
    secret = "s3cret-" * 6
    response = {"status_code": 200, "content": f"thanks {TOKEN}", "headers": f"Service-API-Key {key}"}
    _read(
        scripted,
        service,
        _record(response=response, error=f"for {TOKEN} at https://u:p@h/{secret}"),
        _record(content=f"broken {{ {TOKEN} {key} {secret}"),
        _record(content='{"customer_id": "short-but-ours-123456"'),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integrations_notificationrecord")
        stored = str(cursor.fetchall())
    for hidden in (TOKEN, key, key[9:], secret, "short-but-ours", "u:p@"):
        assert hidden not in stored
    assert REQUEST in stored


def test_content_that_cannot_be_parsed_is_stored_as_it_is(scripted: Any, service: Service) -> None:
    _read(scripted, service, _record(content="<xml>no JSON</xml>"))
    record = NotificationRecord.objects.get()
    assert (record.content, record.request_uuid) == ("<xml>no JSON</xml>", None)


def test_a_patient_in_a_content_is_not_stored() -> None:
    masked = mask_content(f'{{"request_uuid": "{REQUEST}", "patient": {{"last_name": "Nwosu"}}}}')
    assert "Nwosu" not in masked
    assert request_of(masked) is not None


def test_an_unreadable_record_is_counted_and_hides_no_other(scripted: Any, service: Service) -> None:
    sync = _read(scripted, service, {"event": None}, _record(), "nonsense")
    assert sync.result == "3 at the Cloud, 1 new, 2 could not be read"


def test_records_outlive_the_cloud_and_end_after_the_retention(
    scripted: Any, service: Service, settings: Any
) -> None:
    old = datetime.now(UTC) - timedelta(days=40)
    _read(scripted, service, _record(sent_at=old), _record())
    assert _read(scripted, service).seen_count == 0
    assert NotificationRecord.objects.count() == 2
    settings.RECORDS_RETENTION_DAYS = 30
    assert "1 dropped after 30 days" in _read(scripted, service).result
    settings.RECORDS_RETENTION_DAYS = 0
    _read(scripted, service)
    assert NotificationRecord.objects.count() == 1


def test_a_sync_that_fails_keeps_the_records_it_read(cloud: Any, cloud_service: Service) -> None:
    cloud.fault(match="records", kind="status", status=503, times=9)
    sync = read_now(service=cloud_service, kind=Sync.Kind.RECORDS)
    assert sync is not None
    assert (sync.read_at, sync.problem) == (None, "Clarius Cloud failed to answer.")
    assert sync.not_before is not None


@given(st.text(max_size=300))
def test_masking_any_text_leaves_no_long_run_but_a_uuid(text: str) -> None:
    masked = mask_text(f"{text} {TOKEN} {REQUEST}")
    assert TOKEN not in masked
    assert len(masked) <= 4096
    assert mask_text(masked) == masked


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_any_response_is_described(response: Any) -> None:
    status, text = describe_response(response)
    assert status is None or 100 <= status <= 599
    text.encode()
