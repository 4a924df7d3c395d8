"""Devices on which an account has logged in before: one encrypted cookie that proves this and nothing else.

A limit that everybody can use up would lock the owner out, so a known device is counted alone. The cookie
outlives the session, and it no longer fits an account whose password has changed.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from audit.entries import add_entry
from foundation.address import client_address
from foundation.crypto import CannotDecrypt, decrypt, encrypt, lookup_digest

# Longer than a clinician's holiday; each log-in begins it again.
KEPT = timedelta(days=180)
# Accounts that one device remembers, such as a shared computer on a ward. A cookie holds 4,096 bytes.
MOST = 20
# Of the hash that stands for an account and its password.
_FINGERPRINT_LENGTH = 32


@dataclass(frozen=True)
class Device:
    """A device, and the accounts that it knows as fingerprints, the latest first."""

    id: str
    fingerprints: tuple[str, ...] = ()


def known_device(*, request: HttpRequest, user: User | None) -> str:
    """Return the id of the device if this account has logged in on it with its present password, else ""."""
    device = _read(request)
    if device is None or user is None or _fingerprint(user) not in device.fingerprints:
        return ""
    return device.id


def remember_device(*, request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Set the cookie after a complete log-in, and audit a device that is new to the account."""
    device = _read(request) or Device(id=secrets.token_urlsafe(9))
    fingerprint = _fingerprint(user)
    if fingerprint not in device.fingerprints:
        add_entry(
            action="account.device_known",
            actor=user,
            target=user,
            address=client_address(request),
            device=device.id,
        )
    others = tuple(each for each in device.fingerprints if each != fingerprint)
    text = json.dumps({"id": device.id, "known": (fingerprint, *others)[:MOST]})
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        encrypt(text),
        max_age=KEPT,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _read(request: HttpRequest) -> Device | None:
    cookie = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    try:
        kept: Any = json.loads(decrypt(cookie, seconds=int(KEPT.total_seconds())))
    except CannotDecrypt:
        return None
    return Device(id=kept["id"], fingerprints=tuple(kept["known"]))


def _fingerprint(user: User) -> str:
    return lookup_digest(f"device|{user.uuid}|{user.password}")[:_FINGERPRINT_LENGTH]
