"""Call the service's webhook with one attempt, five seconds and no redirects, and record it."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from typing import Any

import requests
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from sandbox.links import foreign_url
from sandbox.models import NotificationRecord, Service, Submission, new_token
from sandbox.pending_faults import NOTIFICATION, NOTIFIED_KINDS, UNCONFIRMED, take_fault

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 5
RECORDS_KEPT = timedelta(days=14)
DELAY_SECONDS = 5
KEPT_OF_AN_ANSWER = 500
# How often each notification is sent; once by default.
TIMES = {"drop": 0, "repeat": 2}

_stopping = threading.Event()
_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="notifier")


def notify(submission: Submission, *, is_forced: bool = False) -> None:
    """Send the notification of a submission in the background, as a pending fault or the notify mode says.

    Submissions of unconfirmed customers are notified only by a fault or with `is_forced`.
    """
    service = Service.get()
    if not service.notification_url:
        return
    is_due = is_forced or submission.customer.confirmed_at is not None
    fault = None if is_forced else take_fault(NOTIFICATION, kinds=NOTIFIED_KINDS if is_due else [UNCONFIRMED])
    if not is_due and fault is None:
        return
    kind = fault.kind if fault else "send" if is_forced else service.notify_mode
    options = fault.options if fault else {}
    payload = notification_payload(submission, root="download-requests")
    if kind == "unknown_customer":
        payload["customer_id"] = new_token()
    if kind == "foreign_url":
        payload["download_url"] = foreign_url(payload["download_url"], to=options.get("to"))
    delay = float(options.get("seconds", DELAY_SECONDS)) if kind == "delay" else 0
    for _ in range(TIMES.get(kind, 1)):
        _later(service.notification_url, payload, submission, delay)


def forge(payload: Any) -> None:
    """Send any payload to the webhook; raises ValueError if no webhook is set."""
    url = Service.get().notification_url
    if not url:
        raise ValueError("The service has not set a notification_url.")
    _later(url, payload, None, 0)


def notification_payload(submission: Submission, *, root: str) -> dict[str, Any]:
    """Return a submission as in the notification and the poll, which differ in their download_url."""
    return {
        "request_uuid": str(submission.request_uuid),
        "exam_uuid": str(submission.exam_uuid),
        "customer_id": submission.customer.token,
        "download_url": f"{settings.PUBLIC_URL}/api/public/v0/{root}/{submission.request_uuid}/data/",
        # As Django REST framework writes it: UTC as Z, without a zero fraction.
        "submitted_at": submission.submitted_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }


def _later(url: str, payload: Any, submission: Submission | None, delay: float) -> None:
    transaction.on_commit(lambda: _pool.submit(_run, url, payload, submission, delay) and None)


def _run(url: str, payload: Any, submission: Submission | None, delay: float) -> None:
    try:
        if _stopping.wait(delay):
            return
        for _ in range(settings.NOTIFICATION_RETRIES + 1):
            record = send(url, payload, submission)
            if record.response is not None and 200 <= record.response["status_code"] < 300:
                break
    except Exception:
        logger.exception("A notification could not be recorded")
    finally:
        connection.close()


def send(url: str, payload: Any, submission: Submission | None) -> NotificationRecord:
    """Make the call and write its record."""
    content = json.dumps(payload)
    sent_at, response, error = timezone.now(), None, None
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                url,
                data=content.encode(),
                headers={"Content-Type": "application/json", "User-Agent": "sandbox-clarius-cloud"},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        response = {"status_code": answer.status_code, "content": answer.text[:KEPT_OF_AN_ANSWER]}
    except requests.Timeout:
        error = "timed out"
    except requests.RequestException as failure:
        error = f"{type(failure).__name__}: the service's server could not be reached"
    NotificationRecord.objects.filter(logged_at__lt=timezone.now() - RECORDS_KEPT).delete()
    return NotificationRecord.objects.create(
        submission=submission,
        url=url,
        content=content,
        response=response,
        error=error,
        sent_at=sent_at,
        logged_at=timezone.now(),
    )


def stop() -> None:
    """Drop unsent notifications, so that the process can exit."""
    _stopping.set()
    _pool.shutdown(wait=False, cancel_futures=True)
