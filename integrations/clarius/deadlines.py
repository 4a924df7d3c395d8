"""One deadline for a whole call: connection, headers and body, however slowly they arrive.

A body is read within it, with a minimum rate and a size limit; a cut body is an error.
"""

import http.client
import io
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import requests
import urllib3.exceptions

from integrations.clarius.errors import ClariusError, Timeout, TooLarge, Truncated, Unreachable

# A server that is up accepts a connection well within this.
CONNECT_SECONDS = 5.0
# The longest wait for one read or write of a socket.
READ_SECONDS = 20.0
# Bytes read at a time. With 1 MiB, four parallel downloads took 26 MB instead of 3 and were slower.
STEP = 1 << 18
# Bytes per second. After the grace period, a server with a lower average only occupies a worker.
MINIMUM_RATE = 1024
GRACE_SECONDS = 30.0


class Deadline:
    """The moment by which a call has to end, whatever the server does."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.started = clock()
        self._until = self.started + seconds

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self._until - self._clock())

    @property
    def elapsed(self) -> float:
        """Seconds since the call began."""
        return self._clock() - self.started

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect and to wait for one read."""
        return min(CONNECT_SECONDS, self.seconds_left), min(READ_SECONDS, self.seconds_left)

    def check(self) -> None:
        """Raise Timeout when the time is up."""
        if not self.seconds_left:
            raise Timeout("The answer took too long.")


_current: ContextVar[Deadline | None] = ContextVar("clarius_deadline", default=None)


@contextmanager
def within(deadline: Deadline) -> Iterator[None]:
    """Apply `deadline` to every answer that begins inside the block, even when its body is read later."""
    deadline.check()
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


class BoundResponse(http.client.HTTPResponse):
    """An answer whose reads, those of the headers included, all end at the deadline.

    A socket's own timeout restarts with each byte, so a server that sends slowly could block us forever.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        deadline = _current.get()
        if deadline is not None:
            self.fp = io.BufferedReader(_BoundReader(self.fp.detach(), sock, deadline))


class _BoundReader(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline
        self._timeout = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline.seconds_left
        if not left:
            raise TimeoutError
        timeout = min(READ_SECONDS, left)
        if timeout != self._timeout:
            # Each change is a system call, so the timeout is set only when it differs.
            self._sock.settimeout(timeout)
            self._timeout = timeout
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def pieces(
    response: requests.Response, *, deadline: Deadline, max_bytes: int, decode: bool
) -> Iterator[bytes]:
    """Yield the body as it arrives, at most 256 KiB a step.

    Raises Timeout, TooLarge, Truncated and Unreachable.
    """
    size = 0
    while True:
        deadline.check()
        try:
            # read1 gives what has arrived; read would wait for a full step while a server drips.
            piece = bytes(response.raw.read1(STEP, decode_content=decode))
        except urllib3.exceptions.HTTPError as error:
            raise _read_error(error) from None
        if not piece:
            return
        size += len(piece)
        if size > max_bytes:
            raise TooLarge("The answer is larger than the limit.")
        if deadline.elapsed > GRACE_SECONDS and size / deadline.elapsed < MINIMUM_RATE:
            raise Timeout("The answer comes too slowly.")
        yield piece


def _read_error(error: Exception) -> ClariusError:
    """Return our error for one that urllib3 raised while a body was read."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return Timeout("The server stopped sending.")
    if isinstance(error, urllib3.exceptions.DecodeError):
        return Truncated("The answer could not be unpacked.", detail=type(error).__name__)
    if isinstance(error, urllib3.exceptions.IncompleteRead | urllib3.exceptions.ProtocolError):
        return Truncated("The connection broke before the answer was complete.", detail=type(error).__name__)
    return Unreachable("The connection broke.", detail=type(error).__name__)
