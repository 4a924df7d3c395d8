"""That somebody arrived with a token or an invitation: it opens sign-up, and says where to go on."""

import time
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

ARRIVAL = "arrival"
_INVITATION = "invitation_code"


def note_arrival(*, session: SessionBase, path: str, until: float) -> None:
    """Remember that a token waits for the page at `path` until then (seconds since 1970)."""
    session[ARRIVAL] = {"path": path, "until": until}


def arrival_path(session: SessionBase) -> str | None:
    """Return the page that waits for this person, or None."""
    held: Any = session.get(ARRIVAL)
    if not isinstance(held, dict) or held.get("until", 0) < time.time():
        return None
    return str(held["path"])


def forget_arrival(session: SessionBase) -> None:
    """Nothing waits any more."""
    session.pop(ARRIVAL, None)


def opens_signup(session: SessionBase) -> bool:
    """Tell whether an arrival with a token opens sign-up."""
    return bool(settings.SIGNUP_OPEN and arrival_path(session))


def note_invitation(*, session: SessionBase, code: str) -> None:
    """Remember the invitation that was opened in this browser."""
    session[_INVITATION] = code


def invitation_code(session: SessionBase) -> str | None:
    """Return the code of the invitation that was opened in this browser, or None."""
    return session.get(_INVITATION)


def forget_invitation(session: SessionBase) -> None:
    """The invitation was accepted or is void."""
    session.pop(_INVITATION, None)
