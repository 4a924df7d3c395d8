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
from dataclasses import dataclass, field, replace
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

# Seconds; each further attempt waits twice as long as the one before.
FIRST_WAIT = 30
# Counters end a fixed time after their first attempt, so that rare mistakes never add up to a wait.
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Wrong passwords or codes in a day by which a device that is known stops being so, in case somebody stole it.
DEVICE_FAILURES = 10
# Failures of an account in a day after which unknown devices need a code as well.
CODE_AFTER = 10


class Kind(StrEnum):
    """What is attempted. Each is counted separately, so that a forgotten password can be reset at once."""

    PASSWORD = "password"  # noqa: S105
    CODE = "code"
    LOGIN_CODE = "login_code"
    RESET = "reset"
    SIGN_UP = "sign_up"
    INVITATION = "invitation"


@dataclass(frozen=True)
class Limit:
    """How many attempts are free within a time, and the longest wait in seconds after that."""

    free: int
    within: timedelta
    longest_wait: int


# A whole hospital mistypes, signs up and resets from one network, and must not wait long.
NETWORK = Limit(free=60, within=HOUR, longest_wait=5 * 60)
# One account from one network is one person, or somebody who guesses.
ACCOUNT = Limit(free=5, within=DAY, longest_wait=15 * 60)
# Invitation links are not typed, and name no account.
NETWORKS = {Kind.INVITATION: replace(NETWORK, free=20)}
ACCOUNTS = {
    Kind.INVITATION: NETWORKS[Kind.INVITATION],
    # A session tries the codes of several mails, of which allauth accepts three wrong ones each.
    Kind.CODE: replace(ACCOUNT, free=10),
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
        if _count(key, DAY) <= DEVICE_FAILURES:
            attempt.is_known = True
            attempt.own = [key]
            return attempt
    network = client_network(request)
    shared = _key(kind, "network", network)
    attempt.began_wait = _count_or_wait(shared, NETWORKS.get(kind, NETWORK))
    attempt.shared = shared
    own = _key(kind, "account", network, attempt.who)
    try:
        _count_or_wait(own, ACCOUNTS.get(kind, ACCOUNT))
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
    # The address also where there is an account: a sign-up that creates it must count like the next ones.
    return (user.email if user is not None else email).strip().lower()


def _key(*parts: str) -> str:
    # Hashed, since a cache may store its keys in plain text, and these contain what people typed.
    return f"attempts:{lookup_digest('|'.join(parts))}"


def _device_key(kind: Kind, device: str, who: str) -> str:
    return _key(kind, "device", device, who)


def _failures_key(who: str) -> str:
    return _key("failures", who)


def _wait_key(key: str) -> str:
    return f"{key}:wait"


def _count(key: str, within: timedelta) -> int:
    """Count one more, and return how many there were since the first of this time."""
    seconds = int(within.total_seconds())
    cache.add(key, 0, timeout=seconds)
    try:
        return int(cache.incr(key))
    except ValueError:
        # It expired since the line before.
        cache.set(key, 1, timeout=seconds)
        return 1


def _take_back(key: str) -> None:
    # Nothing to take back where the counter has expired.
    with suppress(ValueError):
        cache.decr(key)


def _count_or_wait(key: str, limit: Limit) -> bool:
    """Count an attempt and tell whether the next one has to wait; raises TooManyAttempts if this one has to.

    `add` lets one of several parallel attempts begin the wait; the others have to wait for it.
    """
    until = cache.get(_wait_key(key))
    if until is None:
        number = _count(key, limit.within)
        if number < limit.free:
            return False
        # Ten doublings are far beyond the longest wait.
        seconds = min(FIRST_WAIT * 2 ** min(number - limit.free, 10), limit.longest_wait)
        until = time.time() + seconds
        if cache.add(_wait_key(key), until, timeout=seconds):
            return True
        _take_back(key)
        until = cache.get(_wait_key(key), until)
    raise TooManyAttempts(max(1, math.ceil(until - time.time())))
