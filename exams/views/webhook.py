"""The endpoint for the Cloud's notifications: they are unsigned, so nothing they say is believed."""

import hmac
import json
import logging
import re
import threading
import time
import uuid
from typing import Any, NoReturn

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from exams.services.intake.notifications import store_notification
from exams.services.intake.rejected import keep_rejected
from foundation.crypto import CannotDecrypt
from integrations.models import Service
from integrations.services.settings.webhook_secrets import webhook_secrets

logger = logging.getLogger(__name__)

# The Cloud sends a few hundred bytes; more is read from nobody who is unsigned.
MAX_BODY_BYTES = 64 * 1024
SECRET_COLUMNS = (
    "webhook_secret",
    "previous_webhook_secret",
    "previous_webhook_until",
    "unsettled_webhook_secrets",
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{20,200}")


class _Refused(Exception):
    """The request gets this status and stores no notification; `junk` is the body that is kept of it."""

    def __init__(self, status: int, *, junk: bytes = b"") -> None:
        super().__init__(status)
        self.status = status
        self.junk = junk


class _Endpoints:
    """The secrets of each active service, kept for seconds: a notification costs one statement."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By slug: the service's key and its secrets.
        self._services: dict[str, tuple[int, tuple[bytes, ...]]] = {}
        self._read_at: float | None = None
        self._failed_at: float | None = None

    def find(self, slug: str, secret: str) -> int:
        """Return the key of the service that has this secret; raises _Refused."""
        came_at = time.monotonic()
        with self._lock:
            # Whoever waited for a database that did not answer does not wait for it again.
            if self._failed_at is not None and self._failed_at >= came_at:
                raise _Refused(503)
            # An unknown secret may be a new one, but not every guess may cost a statement.
            for seconds in (settings.WEBHOOK_SECRETS_SECONDS, settings.WEBHOOK_UNKNOWN_SECRET_SECONDS):
                self._read(older_than=seconds)
                if slug not in self._services:
                    continue
                pk, secrets = self._services[slug]
                if not secrets:
                    raise _Refused(503)
                # In constant time, and with each of them.
                if any([hmac.compare_digest(each, secret.encode()) for each in secrets]):
                    return pk
            raise _Refused(404)

    def _read(self, *, older_than: float) -> None:
        if self._read_at is not None and time.monotonic() - self._read_at < older_than:
            return
        try:
            rows = list(Service.objects.filter(is_active=True).only("slug", *SECRET_COLUMNS))
        except (DatabaseError, InterfaceError):
            self._failed_at = time.monotonic()
            raise
        self._services = {row.slug: (row.pk, _secrets(row)) for row in rows}
        self._read_at = time.monotonic()

    def forget(self) -> None:
        """Read the services again at the next request."""
        with self._lock:
            self._read_at = None


def _secrets(service: Service) -> tuple[bytes, ...]:
    """Return every valid secret; none when they cannot be decrypted, so that only this service is away."""
    try:
        return tuple(each.encode() for each in webhook_secrets(service=service))
    except CannotDecrypt:
        logger.error("The webhook secret of %s cannot be decrypted.", service.slug)
        return ()


endpoints = _Endpoints()


@csrf_exempt
@transaction.non_atomic_requests
def receive(request: HttpRequest, service: str, secret: str) -> HttpResponse:
    """Write one row and answer 204, for repeats too; never a 2xx for what is not stored."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if settings.IS_HTTPS and not request.is_secure():
        return HttpResponse(status=403)
    try:
        return _receive(request, endpoints.find(service, secret), secret)
    except _Refused as refused:
        return HttpResponse(status=refused.status)
    except (OperationalError, InterfaceError) as error:
        # The texts of database errors quote values, so only the kind of error is logged.
        logger.error("A notification could not be stored: %s", type(error).__name__)
        return HttpResponse(status=503)
    except DatabaseError as error:
        logger.error("The database refused a notification: %s", type(error).__name__)
        return HttpResponse(status=500)


def _receive(request: HttpRequest, service_id: int, secret: str) -> HttpResponse:
    try:
        request_uuid, customer_id = _read(_body(request))
    except _Refused as refused:
        _keep_rejected(request, service_id, secret, refused)
        raise
    store_notification(service_id=service_id, request_uuid=request_uuid, customer_id=customer_id)
    return HttpResponse(status=204)


def _keep_rejected(request: HttpRequest, service_id: int, secret: str, refused: _Refused) -> None:
    try:
        keep_rejected(
            service_id=service_id,
            status=refused.status,
            content_type=request.META.get("CONTENT_TYPE") or "",
            body=refused.junk,
            secret=secret,
        )
    except DatabaseError as error:
        # The sender learns that the body is wrong even if nobody can be shown it.
        logger.warning("A rejected notification could not be kept: %s", type(error).__name__)


def _read(body: bytes) -> tuple[uuid.UUID, str]:
    claim = _parse(body)
    if not isinstance(claim, dict):
        raise _Refused(400, junk=body)
    request_uuid, customer_id = claim.get("request_uuid"), claim.get("customer_id")
    if not isinstance(request_uuid, str) or not _UUID.fullmatch(request_uuid):
        raise _Refused(400, junk=body)
    if not isinstance(customer_id, str) or not _TOKEN.fullmatch(customer_id):
        raise _Refused(400, junk=body)
    return uuid.UUID(request_uuid), customer_id


def _body(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isascii() or not length.isdigit():
        raise _Refused(400)
    try:
        body = request.read(MAX_BODY_BYTES + 1)
    except UnreadablePostError:
        raise _Refused(400) from None
    if len(body) > MAX_BODY_BYTES:
        raise _Refused(413, junk=body)
    return body


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _Refused(400, junk=body) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
