"""What can go wrong between the portal and Clarius Cloud, and whether trying again can help."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from integrations.clarius.masking import mask

MOST_WORDS = 300
DEEPEST = 20
_UNNAMED = ("detail", "non_field_errors")


class ClariusError(Exception):
    """A call that did not give what was asked for.

    The message is a sentence for a reader. ``detail`` is for administrators: at most 2 KiB of the answer,
    with secrets masked. Neither carries a URL, a key or a token.
    """

    default_retryable = False

    def __init__(
        self,
        message: str,
        *,
        retryable: bool | None = None,
        retry_after: timedelta | None = None,
        status: int | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = self.default_retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.status = status
        self.detail = detail


class Unreachable(ClariusError):
    """No connection, or one that broke before an answer came."""

    default_retryable = True


class Timeout(ClariusError):
    """The answer took longer than the deadline, or came slower than the minimum rate."""

    default_retryable = True


class KeyRefused(ClariusError):
    """401 or 403: the API key was not accepted for this call."""


class NotFound(ClariusError):
    """404 or 410: the Cloud does not know the object."""


class Rejected(ClariusError):
    """Another 4xx: the Cloud understood the request and refused it; ``fields`` names what it disliked."""

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, tuple[str, ...]] | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(message, **rest)
        self.fields = dict(fields or {})


class Throttled(ClariusError):
    """429: too many calls; ``retry_after`` says how long to wait, where the Cloud said so."""

    default_retryable = True


class ServerError(ClariusError):
    """5xx: the Cloud failed or is away for a while."""

    default_retryable = True


class ProtocolError(ClariusError):
    """An answer that does not follow the documents, such as a redirect, HTML or a missing field."""


class BlockedByPolicy(ClariusError):
    """The egress rules forbid calling this address; nothing was sent."""


class ForeignOrigin(BlockedByPolicy):
    """The URL is not at the service's own origin, so the key must not travel there; nothing was sent."""


class LinkDead(ClariusError):
    """A media link that no longer works; asking the download data again gives a fresh one."""


class Truncated(ClariusError):
    """The body ended before it was complete."""

    default_retryable = True


class TooLarge(ClariusError):
    """The body is larger than the cap."""


class UncertainOutcome(ClariusError):
    """A report whose body began to travel and that got no definite answer: it may be stored or not."""


def from_status(status: int, *, detail: str, retry_after: timedelta | None = None) -> ClariusError:
    """Return the error for a status that is not 2xx; `detail` is the masked beginning of the body."""
    about: dict[str, Any] = {"status": status, "detail": detail, "retry_after": retry_after}
    if status in {401, 403}:
        return KeyRefused("Clarius Cloud did not accept the API key for this call.", **about)
    if status in {404, 410}:
        return NotFound("Clarius Cloud does not know this.", **about)
    if status == 429:
        return Throttled("Clarius Cloud asks to call less often.", **about)
    if status >= 500:
        return ServerError("Clarius Cloud failed to answer.", **about)
    if status < 400:
        return ProtocolError("Clarius Cloud answered with a redirect, which is not followed.", **about)
    answer = _read(detail)
    # Masked once more: escapes of JSON may have hidden a secret before.
    said = mask(_words(answer)).strip()[:MOST_WORDS].rstrip(". ")
    message = f"Clarius Cloud refused the request ({said})." if said else "Clarius Cloud refused the request."
    # 408 and 425 say that the time was wrong, not the request.
    return Rejected(message, fields=_fields(answer), retryable=status in {408, 425}, **about)


def _read(detail: str) -> Any:
    try:
        return json.loads(detail)
    except (ValueError, RecursionError):
        return None


def _words(answer: Any, depth: int = DEEPEST) -> str:
    """Return what an answer says, each part after the name of its field."""
    if depth == 0:
        return ""
    if isinstance(answer, dict):
        named = {name: _words(each, depth - 1) for name, each in answer.items()}
        said = [words if name in _UNNAMED else f"{name}: {words}" for name, words in named.items() if words]
        return "; ".join(said)
    if isinstance(answer, list):
        return " ".join(filter(None, (_words(each, depth - 1) for each in answer)))
    return answer if isinstance(answer, str) else ""


def _fields(answer: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(answer, dict):
        return {}
    named = {str(name): texts for name, texts in answer.items() if isinstance(texts, list)}
    return {name: tuple(str(each)[:200] for each in texts) for name, texts in named.items()}
