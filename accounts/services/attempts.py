"""Limit attempts at passwords and codes, and mails that anybody can cause, without locking an owner out.

An attempt counts for the client's network, and for the account from this network; after some free ones each
further attempt waits twice as long as the one before. A known device counts alone and skips both, since all
of a hospital shares one network. Failures on unknown devices also count for the account, from wherever they
come: after many, its owner gets a mail and unknown devices need a code from a mail. Nobody is refused for
what other networks did. The counters are in the cache, which all web processes share (decision 9).
"""

import math
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models.functions import Lower
from django.http import HttpRequest

from accounts.models import User
from accounts.services.devices import known_device
from accounts.services.events import audit_limit
from audit.entries import add_entry
from background.mail import queue_mail
from foundation.address import client_address, client_network
from foundation.crypto import lookup_digest

FIRST_WAIT = 30
LONGEST_WAIT = 15 * 60
# Counted attempts are forgotten this long after the last one; longer than the longest wait.
FORGOTTEN_AFTER = timedelta(hours=1)
# Wrong passwords or codes by which a device that is known stops being so, in case somebody stole it.
DEVICE_FAILURES = 10
# Failures of an account, within a day of each other, after which unknown devices need a code as well.
CODE_AFTER = 10
DAY = timedelta(days=1)


class Kind(StrEnum):
    """What is attempted. Each is counted separately, so that a forgotten password can be reset at once."""

    PASSWORD = "password"  # noqa: S105
    CODE = "code"
    LOGIN_CODE = "login_code"
    RESET = "reset"
    SIGN_UP = "sign_up"
    INVITATION = "invitation"


# Free attempts of a network, whoever they are for, and of one account from this network. Wrong passwords and
# invitation links are rare in a network; sign-ups and resets are no failures, and a course has many at once.
FREE = {
    Kind.PASSWORD: (20, 5),
    Kind.CODE: (60, 10),
    Kind.LOGIN_CODE: (60, 5),
    Kind.RESET: (60, 5),
    Kind.SIGN_UP: (60, 5),
    Kind.INVITATION: (20, 20),
}


class TooManyAttempts(Exception):
    """The client must wait for `seconds` first; nothing was checked."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds

    @property
    def wait(self) -> str:
        """The time as a person says it, rounded up: "40 seconds", "3 minutes"."""
        if self.seconds <= 50:
            return f"{math.ceil(self.seconds / 10) * 10} seconds"
        minutes = math.ceil(self.seconds / 60)
        return "1 minute" if minutes == 1 else f"{minutes} minutes"


@dataclass
class Attempt:
    """A counted attempt. It stays counted unless it succeeds."""

    request: HttpRequest
    who: str
    user: User | None
    is_known: bool = False
    # The counters of this account, and that of the network with the wait that this attempt began.
    own: list[str] = field(default_factory=list)
    shared: str = ""
    began_wait: bool = False

    def succeed(self) -> None:
        """Forget the failures of this account from this network, and take this one from the network."""
        cache.delete_many([name for key in self.own for name in (key, _wait_key(key))])
        if self.shared:
            _take_back(self.shared)
            if self.began_wait:
                cache.delete(_wait_key(self.shared))

    def fail(self) -> None:
        """Count a failure for the account as well, unless it came from a device that the account knows."""
        if not self.is_known:
            _count_failure(request=self.request, who=self.who, user=self.user)


def find_account(email: str) -> User | None:
    """Return the account with this address, or None; one query in either case."""
    return User.objects.alias(lowered=Lower("email")).filter(lowered=email.strip().lower()).first()


def begin_attempt(*, request: HttpRequest, kind: Kind, email: str = "", user: User | None = None) -> Attempt:
    """Count an attempt on an account, and audit one that must wait; raises TooManyAttempts.

    It is counted before anything is checked, so that parallel attempts cannot pass together.
    """
    user = user or find_account(email)
    try:
        return _begin_attempt(request, kind, email, user)
    except TooManyAttempts:
        audit_limit(request, limit=kind.value, account=user)
        raise


def _begin_attempt(request: HttpRequest, kind: Kind, email: str, user: User | None) -> Attempt:
    attempt = Attempt(request=request, who=_who(user, email), user=user)
    device = known_device(request=request, user=user)
    if device:
        key = _device_key(kind, device, attempt.who)
        if _count(key, FORGOTTEN_AFTER) <= DEVICE_FAILURES:
            attempt.is_known = True
            attempt.own = [key]
            return attempt
    network = client_network(request)
    for_network, for_account = FREE[kind]
    shared = _key(kind, "network", network)
    attempt.began_wait = _count_or_wait(shared, for_network)
    attempt.shared = shared
    own = _key(kind, "account", network, attempt.who)
    try:
        _count_or_wait(own, for_account)
    except TooManyAttempts:
        # Who waits for one account has not tried another.
        attempt.succeed()
        raise
    attempt.own = [own]
    return attempt


def needs_code(*, request: HttpRequest, user: User) -> bool:
    """Tell whether a log-in needs a code from a mail: many failures, and a device that is not known."""
    is_attacked = cache.get(_failures_key(_who(user, "")), 0) >= CODE_AFTER
    return is_attacked and not _is_trusted(request, user)


def count_wrong_code(*, request: HttpRequest, user: User, **others: Any) -> None:
    """Count a wrong code for the account, unless the account knows the device; receives allauth's signals."""
    if not _is_trusted(request, user):
        _count_failure(request=request, who=_who(user, ""), user=user)


def forget_failures(*, user: User, **others: Any) -> None:
    """Forget the failures of an account whose owner has reset the password; receives allauth's signal."""
    cache.delete(_failures_key(_who(user, "")))


def _count_failure(*, request: HttpRequest, who: str, user: User | None) -> None:
    """Count a failure; audit many of them with the account, and mail its owner, once a day."""
    number = _count(_failures_key(who), DAY)
    if user is None or number < CODE_AFTER:
        return
    if not cache.add(_key("mailed", who), 1, timeout=int(DAY.total_seconds())):
        return
    with transaction.atomic():
        add_entry(
            action="account.too_many_failures",
            outcome="code_needed",
            target=user,
            address=client_address(request),
            failures=str(number),
        )
        queue_mail(
            recipient=user.email,
            subject="Failed log-ins to your portal account",
            body=(
                f"Somebody entered {number} wrong passwords or codes for your portal account.\n\n"
                "You can still log in. On a device that you have not used before, the portal now also asks\n"
                "for a code that it sends to this address. If it was you, there is nothing to do.\n\n"
                "If it was not you and your password is short or used elsewhere, change it:\n"
                f"{settings.PUBLIC_URL}/accounts/password/change/\n\n"
                "You get this e-mail at most once a day.\n"
            ),
        )


def _is_trusted(request: HttpRequest, user: User) -> bool:
    """Tell whether the account knows this device, which has not failed too often."""
    device = known_device(request=request, user=user)
    key = _device_key(Kind.PASSWORD, device, _who(user, ""))
    return bool(device) and cache.get(key, 0) <= DEVICE_FAILURES


def _who(user: User | None, email: str) -> str:
    return f"user-{user.pk}" if user is not None else f"email-{email.strip().lower()}"


def _key(*parts: str) -> str:
    # Hashed, since a cache may store its keys in plain text, and these contain what people typed.
    return f"attempts:{lookup_digest('|'.join(parts))}"


def _device_key(kind: Kind, device: str, who: str) -> str:
    return _key(kind, "device", device, who)


def _failures_key(who: str) -> str:
    return _key("failures", who)


def _wait_key(key: str) -> str:
    return f"{key}:wait"


def _count(key: str, kept: timedelta) -> int:
    seconds = int(kept.total_seconds())
    cache.add(key, 0, timeout=seconds)
    try:
        number = cache.incr(key)
    except ValueError:
        # It expired since the line before.
        cache.set(key, 1, timeout=seconds)
        return 1
    cache.touch(key, seconds)
    return int(number)


def _take_back(key: str) -> None:
    # Nothing to take back where the counter has expired.
    with suppress(ValueError):
        cache.decr(key)


def _count_or_wait(key: str, free: int) -> bool:
    """Count an attempt and tell whether the next one has to wait; raises TooManyAttempts if this one has to.

    `add` lets one of several parallel attempts begin the wait; the others have to wait for it.
    """
    until = cache.get(_wait_key(key))
    if until is None:
        number = _count(key, FORGOTTEN_AFTER)
        if number < free:
            return False
        # Ten doublings are far beyond the longest wait.
        seconds = min(FIRST_WAIT * 2 ** min(number - free, 10), LONGEST_WAIT)
        until = time.time() + seconds
        if cache.add(_wait_key(key), until, timeout=seconds):
            return True
        _take_back(key)
        until = cache.get(_wait_key(key), until)
    raise TooManyAttempts(max(1, math.ceil(until - time.time())))
