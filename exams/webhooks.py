"""The door for the Cloud's notifications: unsigned, so whatever comes in is a hint and nothing more."""

import hmac
import json
import logging
import re
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, NoReturn

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from exams.services.hint_rows import record_hint
from exams.services.junk import keep_junk
from integrations.encryption import CannotDecrypt
from integrations.models import Service
from integrations.services.webhook_secrets import webhook_secrets

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
DOORS_SECONDS = 5.0
# A secret that nobody knows may be a new one: the services are read anew for it, but not for each guess.
DOORS_SECONDS_FOR_STRANGERS = 0.5
SECRET_COLUMNS = (
    "webhook_secret",
    "previous_webhook_secret",
    "previous_webhook_until",
    "unsettled_webhook_secrets",
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{20,200}")


class _Refused(Exception):
    """The request gets this status and makes no hint; `junk` is what came to an open door."""

    def __init__(self, status: int, *, junk: bytes | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.junk = junk


@dataclass(frozen=True)
class _Door:
    service_id: int
    secrets: tuple[bytes, ...]

    def opens(self, secret: str) -> bool:
        """Compare with each valid secret, in constant time."""
        return any([hmac.compare_digest(each, secret.encode()) for each in self.secrets])


class _Doors:
    """The active services with their secrets, read anew every few seconds: opening a seal costs time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._doors: dict[str, _Door] = {}
        self._read_at: float | None = None
        self._failed_at: float | None = None

    def find(self, slug: str, secret: str) -> _Door | None:
        """Return the service's door if the secret opens it; a door whose secret is sealed is out of order."""
        came_at = time.monotonic()
        with self._lock:
            # Those who waited for a database that did not answer do not each wait for it once more.
            if self._failed_at is not None and self._failed_at >= came_at:
                raise _Refused(503)
            for seconds in (DOORS_SECONDS, DOORS_SECONDS_FOR_STRANGERS):
                self._read(older_than=seconds)
                door = self._doors.get(slug)
                if door is not None and not door.secrets:
                    raise _Refused(503)
                if door is not None and door.opens(secret):
                    return door
            return None

    def _read(self, *, older_than: float) -> None:
        if self._read_at is not None and time.monotonic() - self._read_at < older_than:
            return
        try:
            rows = list(Service.objects.filter(is_active=True).only("slug", *SECRET_COLUMNS))
        except (DatabaseError, InterfaceError):
            self._failed_at = time.monotonic()
            raise
        self._doors = {row.slug: _Door(row.pk, _secrets(row)) for row in rows}
        self._read_at = time.monotonic()

    def forget(self) -> None:
        """Read the services anew at the next request."""
        with self._lock:
            self._read_at = None


def _secrets(service: Service) -> tuple[bytes, ...]:
    try:
        return tuple(each.encode() for each in webhook_secrets(service=service))
    except CannotDecrypt:
        # The doors of the other services must not close with this one.
        logger.error("The webhook secret of %s cannot be opened.", service.slug)
        return ()


doors = _Doors()


@csrf_exempt
@transaction.non_atomic_requests
def receive(request: HttpRequest, service: str, secret: str) -> HttpResponse:
    """Write one row and answer 204, for repeats too; never a 2xx for what is not stored."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        door = _open(request, service, secret)
        return _take(request, door, secret)
    except _Refused as refused:
        return HttpResponse(status=refused.status)
    except (OperationalError, InterfaceError) as error:
        # The texts of database errors quote values, so only the kind of error is told.
        logger.error("A notification could not be stored: %s", type(error).__name__)
        return HttpResponse(status=503)
    except DatabaseError as error:
        logger.error("The database refused a notification: %s", type(error).__name__)
        return HttpResponse(status=500)


def _take(request: HttpRequest, door: _Door, secret: str) -> HttpResponse:
    try:
        request_uuid, customer_id = _read(_body(request))
    except _Refused as refused:
        _keep_junk(request, door, secret, refused)
        return HttpResponse(status=refused.status)
    record_hint(service_id=door.service_id, request_uuid=request_uuid, customer_id=customer_id)
    return HttpResponse(status=204)


def _keep_junk(request: HttpRequest, door: _Door, secret: str, refused: _Refused) -> None:
    try:
        keep_junk(
            service_id=door.service_id,
            status=refused.status,
            content_type=request.META.get("CONTENT_TYPE") or "",
            body=refused.junk or b"",
            secret=secret,
        )
    except DatabaseError as error:
        # Junk is no reason to call the portal broken.
        logger.warning("A refused notification could not be kept: %s", type(error).__name__)


def _open(request: HttpRequest, slug: str, secret: str) -> _Door:
    if settings.IS_HTTPS and not request.is_secure():
        raise _Refused(403)
    door = doors.find(slug, secret)
    if door is None:
        raise _Refused(404)
    return door


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
