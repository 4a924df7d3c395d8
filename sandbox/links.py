"""Media links: signed, with a life, on an origin of their own, with another query each time."""

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
    """Return the storage's error code for a link that does not open anything, or None."""
    if not constant_time_compare(_sign(capture_uuid, expires, issued, nonce), signature):
        return "SignatureDoesNotMatch"
    dead_before = LinkEpoch.objects.filter(pk=1).values_list("expired_before", flat=True).first()
    is_dead = dead_before is not None and float(issued) < dead_before.timestamp()
    return "AccessDenied" if is_dead or int(expires) < time.time() else None


def expire_links() -> None:
    """Let every link that was made so far die."""
    LinkEpoch.objects.update_or_create(pk=1, defaults={"expired_before": timezone.now()})


def foreign_url(url: str, *, to: str | None = None) -> str:
    """Return an address of another origin: `to`, or the same path at a host that is not ours."""
    return to or f"http://evil.example{urlsplit(url).path}"


def _sign(*parts: str) -> str:
    return salted_hmac("sandbox.media", "|".join(parts), algorithm="sha256").hexdigest()
