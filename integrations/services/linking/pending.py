"""Tokens that wait in a session, sealed, for at most fifteen minutes, until their owner confirms."""

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from accounts.referrals import REFERRAL, set_referral
from foundation.crypto import CannotDecrypt, decrypt, encrypt
from integrations.models import Service

SECONDS = 15 * 60
# Several tabs may wait side by side; more than these push the oldest out.
MOST = 5
_KEY = "pending_tokens"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,200}")


@dataclass(frozen=True)
class PendingToken:
    """A token that waits, and the slot by which its page names it."""

    slot: str
    token: str

    def __repr__(self) -> str:
        return f"PendingToken(slot={self.slot!r})"


def is_token(text: str) -> bool:
    """Tell whether a text has the form of a customer's token; the Cloud is not asked."""
    return bool(_TOKEN.fullmatch(text))


def keep_token(*, session: SessionBase, service: Service, token: str, path: str) -> None:
    """Let a token wait in the session for the page at `path`."""
    slots = _slots(session)
    slots[secrets.token_urlsafe(12)] = encrypt(json.dumps({"service": service.pk, "token": token}))
    _write(session, slots)
    set_referral(session=session, path=path, until=time.time() + SECONDS)


def latest_token(*, session: SessionBase, service: Service) -> PendingToken | None:
    """Return the token of this service that arrived last and still waits, or None."""
    for slot in reversed(_slots(session)):
        found = find_token(session=session, service=service, slot=slot)
        if found is not None:
            return found
    return None


def find_token(*, session: SessionBase, service: Service, slot: str) -> PendingToken | None:
    """Return the token that waits in this slot, or None when it is another service's, spent or too old."""
    sealed = _slots(session).get(slot)
    if sealed is None:
        return None
    try:
        held = json.loads(decrypt(sealed, seconds=SECONDS))
    except CannotDecrypt:
        return None
    return PendingToken(slot=slot, token=held["token"]) if held["service"] == service.pk else None


def drop_token(*, session: SessionBase, slot: str) -> None:
    """Forget the token in this slot."""
    slots = _slots(session)
    if slots.pop(slot, None) is not None:
        _write(session, slots)


def drop_tokens(*, session: SessionBase, service: Service) -> None:
    """Forget every token of this service."""
    for slot in list(_slots(session)):
        if find_token(session=session, service=service, slot=slot) is not None:
            drop_token(session=session, slot=slot)


def has_tokens(*, session: SessionBase) -> bool:
    """Tell whether anything waits."""
    return bool(_slots(session))


def carry_tokens(*, session: SessionBase) -> Mapping[str, Any]:
    """Return what waits, still sealed and as old as it is, to be put into another session."""
    return {key: session[key] for key in (_KEY, REFERRAL) if key in session}


def put_tokens(*, session: SessionBase, carried: Mapping[str, Any]) -> None:
    """Put what waited in a former session into this one; its fifteen minutes go on."""
    session.update(dict(carried))


def _slots(session: SessionBase) -> dict[str, str]:
    held: Any = session.get(_KEY)
    return dict(held) if isinstance(held, dict) else {}


def _write(session: SessionBase, slots: dict[str, str]) -> None:
    session[_KEY] = dict(list(slots.items())[-MOST:])
