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

from exams.services.intake import record_hint
from integrations.models import Service

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
# Also how long a secret that was replaced still opens the door.
DOORS_SECONDS = 5.0
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{20,200}")


class _Refused(Exception):
    """The request gets this status and changes nothing."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class _Door:
    service_id: int
    secret: bytes


class _Doors:
    """The active services with their secrets, read anew every few seconds: opening a seal costs time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._doors: dict[str, _Door] = {}
        self._read_at: float | None = None

    def find(self, slug: str) -> _Door | None:
        with self._lock:
            if self._read_at is None or time.monotonic() - self._read_at >= DOORS_SECONDS:
                rows = Service.objects.filter(is_active=True).only("slug", "webhook_secret")
                self._doors = {row.slug: _Door(row.pk, row.webhook_secret.encode()) for row in rows}
                self._read_at = time.monotonic()
            return self._doors.get(slug)

    def forget(self) -> None:
        """Read the services anew at the next request."""
        with self._lock:
            self._read_at = None


doors = _Doors()


@csrf_exempt
@transaction.non_atomic_requests
def receive(request: HttpRequest, service: str, secret: str) -> HttpResponse:
    """Write one row and answer 204, for repeats too; never a 2xx for what is not stored."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        door = _open(request, service, secret)
        request_uuid, customer_id = _read(request)
        record_hint(service_id=door.service_id, request_uuid=request_uuid, customer_id=customer_id)
    except _Refused as refused:
        return HttpResponse(status=refused.status)
    except (OperationalError, InterfaceError) as error:
        # The texts of database errors quote values, so only the kind of error is told.
        logger.error("A notification could not be stored: %s", type(error).__name__)
        return HttpResponse(status=503)
    except DatabaseError as error:
        logger.error("The database refused a notification: %s", type(error).__name__)
        return HttpResponse(status=500)
    return HttpResponse(status=204)


def _open(request: HttpRequest, slug: str, secret: str) -> _Door:
    if settings.IS_HTTPS and not request.is_secure():
        raise _Refused(403)
    door = doors.find(slug)
    if door is None or not hmac.compare_digest(door.secret, secret.encode()):
        raise _Refused(404)
    return door


def _read(request: HttpRequest) -> tuple[uuid.UUID, str]:
    claim = _parse(_body(request))
    if not isinstance(claim, dict):
        raise _Refused(400)
    request_uuid, customer_id = claim.get("request_uuid"), claim.get("customer_id")
    if not isinstance(request_uuid, str) or not _UUID.fullmatch(request_uuid):
        raise _Refused(400)
    if not isinstance(customer_id, str) or not _TOKEN.fullmatch(customer_id):
        raise _Refused(400)
    return uuid.UUID(request_uuid), customer_id


def _body(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isascii() or not length.isdigit():
        raise _Refused(400)
    if len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
        raise _Refused(413)
    try:
        body = request.read(MAX_BODY_BYTES + 1)
    except UnreadablePostError:
        raise _Refused(400) from None
    if len(body) > MAX_BODY_BYTES:
        raise _Refused(413)
    return body


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise _Refused(400) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
