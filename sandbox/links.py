"""Media links on another origin: signed, expiring, with a different query each time."""

import secrets
import time
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from sandbox.models import Capture, LinkEpoch


def media_url(*, capture: Capture) -> str:
    """Return a fresh link to a capture's file."""
    path = f"/media/{capture.uuid}/{quote(capture.name)}"
    issued = f"{time.time():.6f}"
    query = {
        "expires": int(time.time()) + settings.LINK_SECONDS,
        "issued": issued,
        "nonce": secrets.token_hex(8),
    }
    signature = _sign(str(capture.uuid), str(query["expires"]), issued, str(query["nonce"]))
    return f"{settings.MEDIA_URL_BASE}{path}?{urlencode({**query, 'signature': signature})}"


def link_problem(*, capture_uuid: str, expires: str, issued: str, nonce: str, signature: str) -> str | None:
    """Return the storage's error code for an invalid link, or None."""
    if not constant_time_compare(_sign(capture_uuid, expires, issued, nonce), signature):
        return "SignatureDoesNotMatch"
    expired_before = LinkEpoch.objects.filter(pk=1).values_list("expired_before", flat=True).first()
    is_expired = expired_before is not None and float(issued) < expired_before.timestamp()
    return "AccessDenied" if is_expired or int(expires) < time.time() else None


def expire_links() -> None:
    """Expire every link issued so far."""
    LinkEpoch.objects.update_or_create(pk=1, defaults={"expired_before": timezone.now()})


def foreign_url(url: str, *, to: str | None = None) -> str:
    """Return an address of another origin: `to`, or the same path at a foreign host."""
    return to or f"http://evil.example{urlsplit(url).path}"


def _sign(*parts: str) -> str:
    return salted_hmac("sandbox.media", "|".join(parts), algorithm="sha256").hexdigest()
