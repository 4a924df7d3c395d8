"""Notifications as Clarius Cloud sends them to the webhook."""

import json
import uuid
from typing import Any

from django.test import Client

from integrations.models import Service
from tests.exams.rows import new_token


def claim(**fields: Any) -> dict[str, Any]:
    """Return a notification, with some fields changed."""
    body = {
        "request_uuid": str(uuid.uuid4()),
        "exam_uuid": str(uuid.uuid4()),
        "customer_id": new_token(),
        "download_url": "https://cloud.example.com/api/public/v0/download-requests/1/data/",
        "submitted_at": "2022-10-22T03:10:47.231755Z",
    }
    return body | fields


def address(service: Service, *, secret: str | None = None) -> str:
    return f"/webhooks/clarius/{service.slug}/{secret or service.webhook_secret}/"


def send(service: Service, body: Any, *, content_type: str = "application/json", **options: Any) -> int:
    raw = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return Client().post(address(service), raw, content_type=content_type, **options).status_code
