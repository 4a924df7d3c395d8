"""The one door to the service's own origin: every call passes here, and only here the key is added.

Idempotent calls are retried within a call; longer waits are left to the caller.
"""

import json
import math
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NoReturn
from urllib.parse import urljoin

import requests

from integrations.clarius import errors
from integrations.clarius.deadlines import Deadline, pieces, within
from integrations.clarius.egress import (
    DEFAULT_PORTS,
    CleanUrl,
    Origin,
    Policy,
    Resolver,
    clean_url,
    system_resolver,
)
from integrations.clarius.keys import KEYWORD, Secret, key_problem
from integrations.clarius.masking import mask
from integrations.clarius.pinning import PinnedAdapter, never_connected, pinned_session

# For a whole call, retries included.
TOTAL_SECONDS = 60.0
# A page of 10,000 tokens, the largest, has about half a megabyte.
MAX_ANSWER_BYTES = 5 * 1024 * 1024
# Any other failure is definite, or better retried by whoever schedules the next attempt.
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
# Repeating one of these has no further effect.
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
# More would hold up the worker; the job that calls retries later.
MAX_RETRIES = 2
# The longest pause within a call; longer waits are left to the caller.
LONGEST_WAIT_SECONDS = 5.0
LOOKS_RIGHT = (
    "The API key has the right form: it was revoked, belongs to another Cloud, or lacks the permission."
)
_HEADER_SAFE = re.compile(r"[\x21-\x7e]+")


@cache
def user_agent() -> str:
    """Return the name and version sent with every call."""
    try:
        number = version("clarius-integrator-portal")
    except PackageNotFoundError:
        number = "dev"
    return f"clarius-integrator-portal/{number}"


class _KeyedAdapter(PinnedAdapter):
    """Adds the API key, to the service's own origin and nowhere else."""

    def __init__(self, *, policy: Policy, origin: Origin, key: Secret) -> None:
        self._own_origin = origin
        self._key = key
        super().__init__(policy=policy)

    def authorise(self, request: requests.PreparedRequest, origin: Origin) -> None:
        if origin != self._own_origin:
            raise errors.ForeignOrigin("The address is not at the service's own Cloud.")
        request.headers["Authorization"] = f"{KEYWORD} {self._key.reveal()}"


@dataclass(frozen=True)
class Answer:
    """A successful answer: status, headers and the body, at most 5 MiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        """Return the body as UTF-8; raises ProtocolError."""
        try:
            # Some servers begin with a byte order mark.
            return self.body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise errors.ProtocolError("The Cloud's answer is not readable text.") from None

    def json(self) -> Any:
        """Return the body as strict JSON; raises ProtocolError."""
        try:
            return json.loads(self.text(), parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError):
            # The body may hold a patient's data, which must not appear in a list of errors.
            kind = mask(self.headers.get("Content-Type", "no kind given"))
            detail = f"{len(self.body)} bytes, {kind}"
            raise errors.ProtocolError(
                "The Cloud's answer is not JSON.", status=self.status, detail=detail
            ) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    # "1e999" is valid JSON, but Python reads it as infinity, which JSON cannot express.
    number = float(text)
    if not math.isfinite(number):
        _refuse_constant(text)
    return number


class Transport:
    """Makes the calls of one service; create one for each thread."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: Secret,
        allowed_networks: Iterable[str] = (),
        resolver: Resolver = system_resolver,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises BlockedByPolicy for an address that may not be called, ValueError for an unusable key."""
        base = clean_url(base_url)
        if base.query is not None:
            raise errors.BlockedByPolicy("The address of the Cloud must not carry a query.")
        if not _HEADER_SAFE.fullmatch(api_key.reveal()):
            raise ValueError("The API key is empty or contains characters that a header cannot carry.")
        self.origin = base.origin
        self._root = f"{base.origin}{base.path.rstrip('/')}/api/public/v0/"
        self._key = api_key
        self._sleep = sleep
        # The status of the latest call; None before the first call and when no answer came.
        self.last_status: int | None = None
        # By the Cloud's clock, which counts whole seconds.
        self.last_date: datetime | None = None
        policy = Policy(allowed_networks=allowed_networks, resolver=resolver)
        self._session = pinned_session(adapter=_KeyedAdapter(policy=policy, origin=base.origin, key=api_key))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def url(self, path: str) -> str:
        """Return the address of a documented path."""
        return self._root + path

    def own_url(self, url: str) -> CleanUrl:
        """Clean a URL from the Cloud; raises BlockedByPolicy, or ForeignOrigin for another origin."""
        clean = clean_url(url)
        if clean.origin != self.origin:
            raise errors.ForeignOrigin("The address is not at the service's own Cloud.")
        return clean

    def next_url(self, url: str, following: str) -> str:
        """Return the address of the page after `url`, always at the service's own origin.

        A proxy in front of the Cloud may leave the other scheme in the link. Raises BlockedByPolicy, or
        ForeignOrigin for another host or port.
        """
        try:
            clean = clean_url(urljoin(url, following))
        except ValueError:
            raise errors.BlockedByPolicy("The address of the next page could not be read.") from None
        ports = {self.origin.port, DEFAULT_PORTS[clean.origin.scheme]}
        if clean.origin.host != self.origin.host or clean.origin.port not in ports:
            raise errors.ForeignOrigin("The address is not at the service's own Cloud.")
        return replace(clean, origin=self.origin).text

    def call(
        self, method: str, url: str, *, payload: Any = None, total_seconds: float = TOTAL_SECONDS
    ) -> Answer:
        """Make one call, with at most two retries if it is idempotent; raises ClariusError."""
        deadline = Deadline(total_seconds)
        headers = {"Content-Type": "application/json"} if payload is not None else {}
        body = json.dumps(payload).encode() if payload is not None else None
        retry = 0
        while True:
            try:
                return self.send(method, url, body=body, headers=headers, deadline=deadline)
            except errors.ClariusError as error:
                pause = self._pause(method, error, retry)
                if pause is None or pause >= deadline.seconds_left:
                    raise
            self._sleep(pause)
            retry += 1

    def _pause(self, method: str, error: errors.ClariusError, retry: int) -> float | None:
        refused = isinstance(error, errors.Unreachable) and error.status is None
        if method not in IDEMPOTENT_METHODS or not (refused or error.status in RETRIED_STATUSES):
            return None
        return wait_seconds(retry=retry, asked=error.retry_after)

    def send(
        self, method: str, url: str, *, body: Any, headers: Mapping[str, str], deadline: Deadline
    ) -> Answer:
        """Send once; raises ClariusError with the status and a masked detail."""
        sent = {"Accept": "application/json", "User-Agent": user_agent(), **headers}
        self.last_status = None
        try:
            with within(deadline):
                response = self._session.request(
                    method,
                    clean_url(url).text,
                    data=body,
                    headers=sent,
                    timeout=deadline.timeouts,
                    allow_redirects=False,
                    stream=True,
                )
        except requests.RequestException as error:
            raise connection_error(error) from None
        self.last_status = response.status_code
        self.last_date = moment(response.headers.get("Date", ""))
        with response:
            parts = pieces(response, deadline=deadline, max_bytes=MAX_ANSWER_BYTES, decode=True)
            if response.ok and not response.is_redirect and response.status_code < 300:
                return Answer(response.status_code, response.headers, _whole(parts, response.status_code))
            raise self._refusal(response, parts)

    def _refusal(self, response: requests.Response, parts: Iterable[bytes]) -> errors.ClariusError:
        try:
            text = b"".join(parts).decode(errors="replace")
        except errors.ClariusError:
            text = ""
        detail = mask(text, secrets=(self._key.reveal(),))
        error = errors.from_status(
            response.status_code, detail=detail, retry_after=retry_after(response.headers)
        )
        if isinstance(error, errors.KeyRefused):
            # The Cloud answers every fault of a key alike, so the message adds what can be seen from here.
            problem = key_problem(self._key.reveal()) or LOOKS_RIGHT
            error.detail = f"{problem} {detail}".strip()
        return error


def _whole(parts: Iterable[bytes], status: int) -> bytes:
    try:
        return b"".join(parts)
    except errors.ClariusError as error:
        # A caller that must not repeat the call has to know that it succeeded.
        error.status = status
        raise


def connection_error(error: requests.RequestException) -> errors.ClariusError:
    """Return our error for a call without an answer; the text of `requests` may contain the URL."""
    kind = _kind(error)
    if never_connected(error):
        return errors.Unreachable("The server does not take connections.", detail=kind)
    if isinstance(error, requests.exceptions.SSLError):
        # Nothing was sent, and a broken certificate is repaired sooner or later, so the call is retried.
        return errors.Unreachable("No secure connection could be made with the server.", detail=kind)
    if isinstance(error, requests.Timeout):
        return errors.Timeout("The server did not answer in time.", detail=kind)
    return errors.Unreachable("The connection broke before an answer came.", detail=kind)


def _kind(error: requests.RequestException) -> str:
    """Return the innermost cause: "SSLCertVerificationError" tells more than "SSLError"."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    cause = reason.args[0] if isinstance(reason, Exception) and reason.args else None
    return type(cause if isinstance(cause, Exception) else error).__name__


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Read `Retry-After` in seconds or as a date (RFC 9110); None when it is absent or invalid.

    A date is compared with the `Date` of the same answer, since our clock may differ from the server's.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    until = moment(value)
    now = moment(headers.get("Date", "")) or datetime.now(UTC)
    return None if until is None else max(timedelta(), until - now)


def moment(text: str) -> datetime | None:
    """Read an HTTP date (RFC 9110), in UTC where it names no zone; None when it is absent or invalid."""
    try:
        read = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def wait_seconds(*, retry: int, asked: timedelta | None) -> float | None:
    """Return the pause before retry number `retry` (from 0), or None for no further retry."""
    if retry >= MAX_RETRIES:
        return None
    pause = random.uniform(0.1, 0.3) * 3**retry  # noqa: S311
    if asked is not None:
        pause = max(pause, asked.total_seconds())
    return pause if pause <= LONGEST_WAIT_SECONDS else None
