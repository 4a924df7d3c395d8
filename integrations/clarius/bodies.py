"""Read the body of an answer within a deadline, a minimum rate and a size limit; a cut body is an error."""

from collections.abc import Iterator

import requests
import urllib3.exceptions

from integrations.clarius.deadlines import Deadline
from integrations.clarius.errors import ClariusError, TooLarge, Truncated, Unreachable
from integrations.clarius.errors import Timeout as TooSlow

# Bytes read at a time. With 1 MiB, four parallel downloads took 26 MB instead of 3 and were slower.
STEP = 1 << 18
# Bytes per second. After the grace period, a server with a lower average only occupies a worker.
MINIMUM_RATE = 1024
GRACE_SECONDS = 30.0


def pieces(
    response: requests.Response, *, deadline: Deadline, max_bytes: int, decode: bool
) -> Iterator[bytes]:
    """Yield the body as it arrives, at most 256 KiB a step.

    Raises Timeout, TooLarge, Truncated and Unreachable.
    """
    size = 0
    while True:
        deadline.check()
        piece = _read(response, decode=decode)
        if not piece:
            return
        size += len(piece)
        if size > max_bytes:
            raise TooLarge("The answer is larger than the limit.")
        if deadline.elapsed > GRACE_SECONDS and size / deadline.elapsed < MINIMUM_RATE:
            raise TooSlow("The answer comes too slowly.")
        yield piece


def _read(response: requests.Response, *, decode: bool) -> bytes:
    # read1 gives what has arrived; read would wait for a full step while a server drips.
    try:
        return bytes(response.raw.read1(STEP, decode_content=decode))
    except urllib3.exceptions.HTTPError as error:
        raise read_error(error) from None


def read_error(error: Exception) -> ClariusError:
    """Return our error for one that urllib3 raised while a body was read."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return TooSlow("The server stopped sending.")
    if isinstance(error, urllib3.exceptions.DecodeError):
        return Truncated("The answer could not be unpacked.", detail=type(error).__name__)
    if isinstance(error, urllib3.exceptions.IncompleteRead | urllib3.exceptions.ProtocolError):
        return Truncated("The connection broke before the answer was complete.", detail=type(error).__name__)
    return Unreachable("The connection broke.", detail=type(error).__name__)
