"""A person's pending connection or invitation in the session: opens sign-up and gives the next page."""

import time
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

REFERRAL = "referral"
_INVITATION = "invitation_code"


def set_referral(*, session: SessionBase, path: str, until: float) -> None:
    """Remember a pending connection at `path` until then (seconds since 1970)."""
    session[REFERRAL] = {"path": path, "until": until}


def referral_path(session: SessionBase) -> str | None:
    """Return the page of the pending connection, or None."""
    referral: Any = session.get(REFERRAL)
    if not isinstance(referral, dict) or referral.get("until", 0) < time.time():
        return None
    return str(referral["path"])


def forget_referral(session: SessionBase) -> None:
    """Forget the pending connection."""
    session.pop(REFERRAL, None)


def opens_signup(session: SessionBase) -> bool:
    """Return whether a pending connection opens sign-up."""
    return bool(settings.SIGNUP_OPEN and referral_path(session))


def set_invitation(*, session: SessionBase, code: str) -> None:
    """Remember the invitation that this browser opened."""
    session[_INVITATION] = code


def invitation_code(session: SessionBase) -> str | None:
    """Return the code of the invitation that this browser opened, or None."""
    return session.get(_INVITATION)


def forget_invitation(session: SessionBase) -> None:
    """Forget the invitation after it is accepted."""
    session.pop(_INVITATION, None)
