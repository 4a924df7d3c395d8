"""Tokens kept encrypted in a session for at most fifteen minutes, until their owner confirms."""

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from accounts.referrals import REFERRAL, set_referral
from foundation.crypto import CannotDecrypt, decrypt, encrypt
from integrations.models import Service

# Several tabs may be open at once; with more tokens the oldest is dropped.
MOST = 5
_KEY = "pending_tokens"


@dataclass(frozen=True)
class PendingToken:
    """A pending token, and the slot that its page sends back."""

    slot: str
    token: str

    def __repr__(self) -> str:
        return f"PendingToken(slot={self.slot!r})"


def keep_token(*, session: SessionBase, service: Service, token: str, path: str) -> None:
    """Keep a token in the session for the page at `path`."""
    slots = _slots(session)
    slots[secrets.token_urlsafe(12)] = encrypt(json.dumps({"service": service.pk, "token": token}))
    _save_slots(session, slots)
    set_referral(session=session, path=path, until=time.time() + settings.PENDING_TOKEN_SECONDS)


def latest_token(*, session: SessionBase, service: Service) -> PendingToken | None:
    """Return the newest valid token of this service, or None."""
    for slot in reversed(_slots(session)):
        found = find_token(session=session, service=service, slot=slot)
        if found is not None:
            return found
    return None


def find_token(*, session: SessionBase, service: Service, slot: str) -> PendingToken | None:
    """Return the token in this slot, or None if it is another service's, used or expired."""
    encrypted = _slots(session).get(slot)
    if encrypted is None:
        return None
    try:
        kept = json.loads(decrypt(encrypted, seconds=settings.PENDING_TOKEN_SECONDS))
    except CannotDecrypt:
        return None
    return PendingToken(slot=slot, token=kept["token"]) if kept["service"] == service.pk else None


def drop_token(*, session: SessionBase, slot: str) -> None:
    """Delete the token in this slot."""
    slots = _slots(session)
    if slots.pop(slot, None) is not None:
        _save_slots(session, slots)


def drop_tokens(*, session: SessionBase, service: Service) -> None:
    """Delete every token of this service."""
    for slot in list(_slots(session)):
        if find_token(session=session, service=service, slot=slot) is not None:
            drop_token(session=session, slot=slot)


def has_tokens(*, session: SessionBase) -> bool:
    """Tell whether any token is kept."""
    return bool(_slots(session))


def carry_tokens(*, session: SessionBase) -> Mapping[str, Any]:
    """Return the kept tokens, still encrypted and with their age, to put into another session."""
    return {key: session[key] for key in (_KEY, REFERRAL) if key in session}


def put_tokens(*, session: SessionBase, carried: Mapping[str, Any]) -> None:
    """Put the tokens of a former session into this one; they expire at the same time as before."""
    session.update(dict(carried))


def _slots(session: SessionBase) -> dict[str, str]:
    kept: Any = session.get(_KEY)
    return dict(kept) if isinstance(kept, dict) else {}


def _save_slots(session: SessionBase, slots: dict[str, str]) -> None:
    session[_KEY] = dict(list(slots.items())[-MOST:])
