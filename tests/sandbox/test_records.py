"""The Cloud's own log of notifications: newest first, for fourteen days."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from sandbox import notifier
from sandbox.models import NotificationRecord
from tests.sandbox.webhook import Webhook

RECORDS = "/api/public/v0/services/notifications/records/"


def record(*, days: int) -> None:
    at = timezone.now() - timedelta(days=days)
    about: dict[str, Any] = {"url": "https://example.com", "content": f"{days}", "error": "timed out"}
    NotificationRecord.objects.create(sent_at=at, logged_at=at, **about)


def test_records_come_newest_first_and_not_after_fourteen_days(api: Client, db: None) -> None:
    for days in (13, 15, 1):
        record(days=days)
    page = api.get(RECORDS).json()
    assert [row["event"]["request"]["content"] for row in page["results"]] == ["1", "13"]
    assert page["count"] == 2


def test_older_records_are_deleted_with_the_next_call(webhook: Webhook) -> None:
    record(days=15)
    record(days=13)
    notifier.send(webhook.url, {"a": 1}, None)
    assert sorted(NotificationRecord.objects.values_list("content", flat=True)) == ["13", '{"a": 1}']
