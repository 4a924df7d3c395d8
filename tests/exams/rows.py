"""Rows and notifications for tests of the intake."""

import secrets
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import User
from exams.models import Capture, Exam, Submission
from foundation.crypto import lookup_digest
from integrations.clarius import Notification
from integrations.models import Customer, Link, Service

BASE_URL = "https://cloud.example.com"


def make_service(**fields: Any) -> Service:
    slug = fields.pop("slug", "echo")
    defaults = {"name": "Echo reading", "base_url": BASE_URL, "take": "all"}
    return Service.objects.create(slug=slug, **(defaults | fields))


def new_token() -> str:
    return secrets.token_urlsafe(32)


def make_customer(service: Service, *, token: str | None = None, is_linked: bool = True) -> Customer:
    text = token or new_token()
    customer = Customer.objects.create(service=service, token=text, token_digest=lookup_digest(text))
    if is_linked:
        link(customer)
    return customer


def link(customer: Customer, *, user: User | None = None) -> Link:
    owner = user or User.objects.create_user(f"{uuid.uuid4().hex}@example.test", "a long password")
    return Link.objects.create(
        customer=customer, user=owner, state=Link.State.CONFIRMED, confirmed_at=timezone.now()
    )


def notification(token: str, **fields: Any) -> Notification:
    request_uuid = fields.pop("request_uuid", None) or uuid.uuid4()
    path = f"/api/public/v0/exams/download-requests/{request_uuid}/data/"
    defaults: dict[str, Any] = {
        "exam_uuid": uuid.uuid4(),
        "download_url": BASE_URL + path,
        "submitted_at": timezone.now(),
    }
    return Notification(request_uuid=request_uuid, customer_id=token, **(defaults | fields))


def make_submission(customer: Customer, **fields: Any) -> Submission:
    exam = fields.pop("exam", None) or Exam.objects.create(customer=customer, exam_uuid=uuid.uuid4())
    now = timezone.now()
    defaults = {"state": "ready", "submitted_at": now, "received_at": now, "polled_at": now}
    return Submission.objects.create(
        service=customer.service,
        customer=customer,
        exam=exam,
        request_uuid=uuid.uuid4(),
        **(defaults | fields),
    )


def make_capture(submission: Submission, **fields: Any) -> Capture:
    position = fields.pop("position", submission.captures.count() + 1)
    return Capture.objects.create(
        submission=submission, position=position, source_key=uuid.uuid4().hex, **fields
    )


def ago(**span: float) -> Any:
    return timezone.now() - timedelta(**span)


def from_now(**span: float) -> Any:
    return timezone.now() + timedelta(**span)


def in_parallel(count: int, call: Callable[[], Any]) -> list[Any]:
    """Call something in parallel threads, each with its own connection, and return the results and errors."""
    barrier, answers = threading.Barrier(count), []

    def run() -> None:
        try:
            barrier.wait(timeout=30)
            answers.append(call())
        except Exception as error:
            answers.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers
