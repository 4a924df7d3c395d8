"""The endpoint for the Cloud's notifications. They are unsigned, so their content is only a claim."""

import hmac
import json
import logging
import re
import threading
import time
import uuid
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from exams.services.intake.notifications import store_notification
from exams.services.intake.rejected import keep_rejected
from foundation.crypto import CannotDecrypt
from integrations.clarius.fields import is_token
from integrations.models import Service
from integrations.services.settings.webhook_secrets import webhook_secrets

logger = logging.getLogger(__name__)

# The Cloud sends a few hundred bytes; senders are unauthenticated, so no more than this is read.
MAX_BODY_BYTES = 64 * 1024
SECRET_COLUMNS = (
    "webhook_secret",
    "previous_webhook_secret",
    "previous_webhook_until",
    "unsettled_webhook_secrets",
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")
# A text, or a comma before the end of an object or array, as in the provider's own printed example. A text
# that never ends is read once to its end: read again from each of its quotes, it would take a minute.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+"?)|,(?=\s*[}\]])', re.DOTALL)


class _Refused(Exception):
    """The request is answered with this status and stores no notification; `body` is kept, if given."""

    def __init__(self, status: int, *, body: bytes = b"") -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class _Endpoints:
    """A cache of the active services' secrets, for seconds, so that a notification costs one statement."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By slug: the service's key and its secrets.
        self._services: dict[str, tuple[int, tuple[bytes, ...]]] = {}
        self._read_at: float | None = None
        self._failed_at: float | None = None

    def find(self, slug: str, secret: str) -> int:
        """Return the primary key of the service with this secret; raises _Refused."""
        came_at = time.monotonic()
        with self._lock:
            # A request that has waited for an unavailable database does not wait for it again.
            if self._failed_at is not None and self._failed_at >= came_at:
                raise _Refused(503)
            # An unknown secret may be a new one, but a guess must not cost a statement each time.
            for seconds in (settings.WEBHOOK_SECRETS_SECONDS, settings.WEBHOOK_UNKNOWN_SECRET_SECONDS):
                self._refresh(older_than=seconds)
                if slug not in self._services:
                    continue
                pk, secrets = self._services[slug]
                if not secrets:
                    raise _Refused(503)
                # In constant time: every secret is compared, and the list keeps `any` from stopping early.
                if any([hmac.compare_digest(each, secret.encode()) for each in secrets]):
                    return pk
            raise _Refused(404)

    def _refresh(self, *, older_than: float) -> None:
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
    """Return the valid secrets, or none if they cannot be decrypted, which affects only this service."""
    try:
        return tuple(each.encode() for each in webhook_secrets(service=service))
    except CannotDecrypt:
        logger.error("The webhook secret of %s cannot be decrypted.", service.slug)
        return ()


endpoints = _Endpoints()


@csrf_exempt
@transaction.non_atomic_requests
def receive(request: HttpRequest, service: str, secret: str) -> HttpResponse:
    """Store one row and answer 204, also for repeats; never answer 2xx for what is not stored."""
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
        request_uuid, customer_id = _read_claim(_read_body(request))
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
            body=refused.body,
            secret=secret,
        )
    except DatabaseError as error:
        # The sender still learns that the body is wrong.
        logger.warning("A rejected notification could not be kept: %s", type(error).__name__)


def _read_claim(body: bytes) -> tuple[uuid.UUID, str]:
    try:
        claim = _read_json(body)
    except (ValueError, RecursionError):
        raise _Refused(400, body=body) from None
    if not isinstance(claim, dict):
        raise _Refused(400, body=body)
    request_uuid, customer_id = claim.get("request_uuid"), claim.get("customer_id")
    if not isinstance(request_uuid, str) or not _UUID.fullmatch(request_uuid) or not is_token(customer_id):
        raise _Refused(400, body=body)
    return uuid.UUID(request_uuid), str(customer_id)


def _read_json(body: bytes) -> Any:
    # NaN and Infinity are not JSON, but the two fields that count cannot be one of them.
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        # The decoder has detected the encoding, so other encodings end here too.
        text = body.decode("utf-8-sig")
        return json.loads(_TRAILING_COMMA.sub(lambda found: found[1] or "", text))


def _read_body(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isascii() or not length.isdigit():
        raise _Refused(400)
    # Django reads no body without a length; a chunked one marks its own end.
    is_chunked = request.META.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
    source = request.META["wsgi.input"] if is_chunked else request
    try:
        body = source.read(MAX_BODY_BYTES + 1)
    except UnreadablePostError:
        raise _Refused(400) from None
    if len(body) > MAX_BODY_BYTES:
        raise _Refused(413, body=body)
    return body
