"""Download captures without key, cookies or proxy, with checked redirects, a deadline and a size limit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import requests
import urllib3.exceptions

from integrations.clarius import errors
from integrations.clarius.deadlines import Deadline, pieces, within
from integrations.clarius.egress import Policy, Resolver, clean_url, system_resolver
from integrations.clarius.masking import mask
from integrations.clarius.pinning import PinnedAdapter
from integrations.clarius.transport import connection_error, retry_after, user_agent

# Enough for a storage service that moved a file; more looks like a circle.
MAX_REDIRECTS = 3
# Storage servers answer with these when a signed link has expired, was replaced or was never valid.
DEAD_STATUSES = frozenset({400, 401, 403, 404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Downloaded:
    """The size and content type of a download, and whether the server had announced its length."""

    size: int
    content_type: str
    is_length_verified: bool


class MediaClient:
    """Downloads media links one at a time over kept connections; close it."""

    def __init__(
        self,
        *,
        max_bytes: int,
        allowed_networks: Iterable[str] = (),
        resolver: Resolver = system_resolver,
    ) -> None:
        """`max_bytes` limits each download."""
        self._max_bytes = max_bytes
        self._is_used = False
        policy = Policy(allowed_networks=allowed_networks, resolver=resolver)
        # An adapter without a session sends no cookies and no key, and follows no redirects.
        self._adapter = PinnedAdapter(policy=policy)

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def download(
        self,
        url: str,
        *,
        total_seconds: float,
        sink: Callable[[bytes], object],
        on_progress: Callable[[], None] | None = None,
    ) -> Downloaded:
        """Pass the body to `sink` in pieces of at most 256 KiB and describe it.

        `on_progress` is called before each piece and may raise. Raises LinkDead when a new link is needed,
        Truncated, TooLarge, Timeout, Throttled, ServerError, Unreachable, BlockedByPolicy, ProtocolError.
        """
        deadline = Deadline(total_seconds)
        with self._open(url, deadline) as response:
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise errors.ProtocolError("The server compressed the file, which was not requested.")
            announced = _content_length(response)
            if announced is not None and announced > self._max_bytes:
                raise errors.TooLarge("The file is larger than the limit.")
            size = 0
            for piece in pieces(response, deadline=deadline, max_bytes=self._max_bytes, decode=False):
                if on_progress is not None:
                    on_progress()
                sink(piece)
                size += len(piece)
            is_chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
            has_length = announced is not None or is_chunked
            # A connection that broke within the headers looks like an empty answer without a length.
            if not has_length and not size:
                raise errors.Truncated("The connection broke before the file was complete.")
            return Downloaded(
                size=size,
                content_type=response.headers.get("Content-Type", "")[:200],
                is_length_verified=has_length,
            )

    def _open(self, url: str, deadline: Deadline) -> requests.Response:
        for _ in range(MAX_REDIRECTS + 1):
            response = self._get(url, deadline)
            if response.status_code not in _REDIRECTS:
                return self._checked(response)
            target = response.headers.get("Location", "")
            response.close()
            url = _next_hop(url, target)
        raise errors.ProtocolError("The file's address redirects too often.")

    def _get(self, url: str, deadline: Deadline) -> requests.Response:
        try:
            try:
                return self._send(url, deadline)
            except requests.ConnectionError as error:
                if not self._is_used or not _broke(error):
                    raise
            # The server had closed the kept connection, so the call is made again on a new one.
            self._adapter.close()
            return self._send(url, deadline)
        except requests.RequestException as error:
            raise connection_error(error) from None
        finally:
            self._is_used = True

    def _send(self, url: str, deadline: Deadline) -> requests.Response:
        request = requests.PreparedRequest()
        request.prepare_method("GET")
        request.url = clean_url(url).text
        request.prepare_headers({"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": user_agent()})
        with within(deadline):
            return self._adapter.send(request, timeout=deadline.timeouts, stream=True)

    def _checked(self, response: requests.Response) -> requests.Response:
        status = response.status_code
        if status == 200:
            return response
        wait = retry_after(response.headers)
        detail = mask(f"status {status}")
        response.close()
        if status in DEAD_STATUSES:
            raise errors.LinkDead("The link to the file no longer works.", status=status, detail=detail)
        error = errors.from_status(status, detail=detail, retry_after=wait)
        if status < 300:
            raise errors.ProtocolError("The server did not send the whole file.", status=status)
        raise error


def _broke(error: requests.ConnectionError) -> bool:
    """Tell whether an open connection ended without an answer."""
    return bool(error.args) and isinstance(error.args[0], urllib3.exceptions.ProtocolError)


def _content_length(response: requests.Response) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _next_hop(url: str, target: str) -> str:
    """Return the target of a redirect; raises BlockedByPolicy when it leaves https."""
    here = clean_url(url)
    if target.startswith("/") and not target.startswith("//"):
        target = f"{here.origin}{target}"
    there = clean_url(target)
    if here.origin.scheme == "https" and there.origin.scheme != "https":
        raise errors.BlockedByPolicy("The file's address redirects from https to http.")
    return there.text
