"""Send a report once, streamed. Without a definite answer after the first bytes the outcome is uncertain."""

from collections.abc import Callable
from typing import Any, BinaryIO

from requests_toolbelt import MultipartEncoder

from integrations.clarius import errors
from integrations.clarius.deadlines import Deadline
from integrations.clarius.transport import Transport

# The time for each MB, which allows for a line of 0.8 Mbit/s.
SECONDS_PER_MB = 10.0
# The time for any report, however small.
LEAST_SECONDS = 120.0


class _Body:
    """The encoded form; reports progress, and knows whether any bytes were sent."""

    def __init__(
        self, encoder: MultipartEncoder, deadline: Deadline, on_progress: Callable[[], None] | None
    ) -> None:
        self._encoder = encoder
        self._deadline = deadline
        self._on_progress = on_progress
        self.len: int = encoder.len
        self.has_begun = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; raises Timeout, and the errors of `on_progress`."""
        self._deadline.check()
        if self._on_progress is not None:
            self._on_progress()
        self.has_begun = True
        return bytes(self._encoder.read(size))


def upload(
    transport: Transport,
    *,
    method: str,
    url: str,
    form: dict[str, str],
    file: BinaryIO,
    file_name: str,
    content_type: str,
    on_progress: Callable[[], None] | None,
) -> None:
    """Send a multipart form with one file; raises ClariusError, UncertainOutcome among them."""
    parts: dict[str, Any] = {**form, "file": (file_name, file, content_type)}
    encoder = MultipartEncoder(fields=parts)
    deadline = Deadline(max(LEAST_SECONDS, encoder.len / 1e6 * SECONDS_PER_MB))
    body = _Body(encoder, deadline, on_progress)
    try:
        transport.send(
            method, url, body=body, headers={"Content-Type": encoder.content_type}, deadline=deadline
        )
    except errors.ClariusError as error:
        if error.status is not None and error.status < 300:
            # The report was accepted; only the rest of the answer was lost.
            return
        raise _outcome(error, has_begun=body.has_begun) from None


def _outcome(error: errors.ClariusError, *, has_begun: bool) -> errors.ClariusError:
    detail = f"{type(error).__name__} {error.detail}".strip()
    about: dict[str, Any] = {"status": error.status, "detail": detail}
    if has_begun and not _is_definite(error):
        answer = "its answer did not arrive" if error.status is None else f"it answered {error.status}"
        return errors.UncertainOutcome(
            f"The report was sent to Clarius Cloud, but {answer}. It may have arrived.", **about
        )
    if isinstance(error, errors.Timeout):
        return errors.Unreachable("The server did not take the report.", **about)
    return error


def _is_definite(error: errors.ClariusError) -> bool:
    """Tell whether the Cloud definitely did not accept the report."""
    if isinstance(error, errors.ServerError):
        # A server in maintenance answers 503 with Retry-After before it reads the request.
        return error.status == 503 and error.retry_after is not None
    return error.status is not None and error.status >= 300
