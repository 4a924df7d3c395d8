"""Mask tokens and secrets in addresses and notification records before they are stored."""

import json
import re
import uuid
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from integrations.clarius.masking import MASK, mask

# Characters stored of each text.
LONGEST = 4096
HIDDEN = "••••••••"
# The parts of our own addresses that are not secret; any other part may be.
KNOWN_PARTS = frozenset({"", "webhooks", "clarius", "connect"})
PLACEHOLDER = "{token}"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Tokens have at least 20 url-safe characters; so has a UUID, which is no secret.
_TOKEN_LIKE = re.compile(r"[-\w]{20,}")
_TOKEN_FIELD = re.compile(r'("customer_id"\s*:\s*")[^"]*')
_REQUEST_FIELD = re.compile(rf'"request_uuid"\s*:\s*"({_UUID.pattern})"')
# Everything in this field is about a person.
_PATIENT = "patient"
_STATUS_NAMES = ("status_code", "status", "code")


def mask_url(url: str, *, slug: str = "") -> str:
    """Return a URL with every part masked that may be secret; `slug` is kept."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    known = KNOWN_PARTS | {slug}
    path = "/".join(part if part in known else HIDDEN for part in parts.path.split("/"))
    query = "&".join(_mask_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, query, ""))[:500]


def _mask_pair(pair: str) -> str:
    name, _, value = pair.partition("=")
    # Names may be secret too. This pair is kept since it is needed to compare addresses.
    return pair if name == "token" and value == PLACEHOLDER else HIDDEN


def mask_text(text: str) -> str:
    """Return the beginning of a text in which neither token, key nor address can be read."""
    masked = _TOKEN_FIELD.sub(rf"\1{MASK}", text.replace("\x00", ""))
    masked = _TOKEN_LIKE.sub(lambda found: found[0] if _UUID.fullmatch(found[0]) else MASK, masked)
    return mask(masked)[:LONGEST]


def mask_content(text: str) -> str:
    """Return a notification's content, masked; text that is not JSON is kept apart from its secrets."""
    try:
        sent = json.loads(text)
    except (ValueError, RecursionError):
        return mask_text(text)
    if isinstance(sent, dict) and _PATIENT in sent:
        text = json.dumps(sent | {_PATIENT: MASK}, ensure_ascii=False)
    return mask_text(text)


def request_of(text: str) -> uuid.UUID | None:
    """Return the submission's UUID from a content, or None; broken JSON is searched too."""
    found = _REQUEST_FIELD.search(text)
    return uuid.UUID(found[1]) if found else None


def describe_response(response: Any) -> tuple[int | None, str]:
    """Return the status, where one can be made out, and the masked text of a response of unknown shape."""
    if response is None:
        return None, ""
    status = _status(response)
    try:
        text = response if isinstance(response, str) else json.dumps(response, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = ""
    return status, mask_text(text.encode("utf-8", "replace").decode())


def _status(response: Any) -> int | None:
    candidates = [response]
    if isinstance(response, dict):
        candidates = [response.get(name) for name in _STATUS_NAMES]
    for each in candidates:
        if isinstance(each, str) and each[:3].isascii() and each[:3].isdecimal():
            each = int(each[:3])
        if isinstance(each, int) and not isinstance(each, bool) and 100 <= each <= 599:
            return each
    return None
