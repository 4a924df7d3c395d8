"""The errors of calls to Clarius Cloud, and whether trying again can help."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from integrations.clarius.masking import mask

# Characters of the Cloud's own text that are kept.
MOST_CHARACTERS = 300
# Refused fields that a message names. Anything else in a field's place could be patient data.
MOST_FIELDS = 5
FIELD_NAME = re.compile(r"[a-z_]{1,30}")
# Answers nest a few levels; this bounds a hostile one.
DEEPEST = 20
# Fields under which Django REST Framework puts errors that belong to no field.
_UNNAMED = ("detail", "non_field_errors")


class ClariusError(Exception):
    """A call that failed.

    The message is one sentence of ours, which may be stored and mailed. ``detail`` is at most 2 KiB of the
    answer, with secrets masked, for readers of patient content. Neither contains a URL, a key or a token.
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
    """No connection could be made, or it broke before an answer came."""

    default_retryable = True


class Timeout(ClariusError):
    """The answer took longer than the deadline, or came slower than the minimum rate."""

    default_retryable = True


class KeyRefused(ClariusError):
    """401 or 403: the API key was not accepted for this call.

    Whether the key or the object of the call is at fault is for the caller to find out: the portal does so in
    `integrations.keyring.judge_refusal`.
    """


class NotFound(ClariusError):
    """404 or 410: the Cloud does not know the object."""


class Rejected(ClariusError):
    """Another 4xx: the Cloud understood the request and refused it.

    ``fields`` are the refused fields. ``answer`` is the Cloud's own text, for the person who waits for it: it
    may name a patient, so it is never stored.
    """

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, tuple[str, ...]] | None = None,
        answer: str = "",
        **rest: Any,
    ) -> None:
        super().__init__(message, **rest)
        self.fields = dict(fields or {})
        self.answer = answer


class Throttled(ClariusError):
    """429: too many calls; ``retry_after`` is set when the Cloud named a time."""

    default_retryable = True


class ServerError(ClariusError):
    """5xx: the Cloud failed or is unavailable for a while."""

    default_retryable = True


class ProtocolError(ClariusError):
    """An answer that does not follow the documents, such as a redirect, HTML or a missing field."""


class EmptyFile(ProtocolError):
    """A media link behind which there is a file without a byte."""


class BlockedByPolicy(ClariusError):
    """The egress rules forbid calling this address; nothing was sent."""


class ForeignOrigin(BlockedByPolicy):
    """The URL is not at the service's own origin, so the key must not be sent there; nothing was sent."""


class LinkDead(ClariusError):
    """A media link that no longer works; fetching the download data again gives a new one."""


class Truncated(ClariusError):
    """The body ended before it was complete."""

    default_retryable = True


class TooLarge(ClariusError):
    """The body is larger than the limit."""


class UncertainOutcome(ClariusError):
    """A report of which bytes were sent and that got no definite answer: it may be stored or not."""


def from_status(status: int, *, detail: str, retry_after: timedelta | None = None) -> ClariusError:
    """Return the error for a status that is not 2xx; `detail` is the masked beginning of the body."""
    about: dict[str, Any] = {"status": status, "detail": detail, "retry_after": retry_after}
    if status in {401, 403}:
        return KeyRefused("Clarius Cloud did not accept the API key for this call.", **about)
    if status in {404, 410}:
        return NotFound("Clarius Cloud does not know this.", **about)
    if status == 429:
        return Throttled("Clarius Cloud asked for fewer calls.", **about)
    if status >= 500:
        return ServerError("Clarius Cloud failed to answer.", **about)
    if status < 400:
        return ProtocolError("Clarius Cloud answered with a redirect, which is not followed.", **about)
    answer = _parse(detail)
    # Masked again: JSON escapes may have hidden a secret from the first masking.
    fields = _fields(answer)
    named = ", ".join([name for name in fields if FIELD_NAME.fullmatch(name)][:MOST_FIELDS])
    # 408 and 425 are about timing, not about the request.
    return Rejected(
        f"Clarius Cloud refused the request ({status}{': ' if named else ''}{named}).",
        fields=fields,
        # Masked again: JSON escapes may have hidden a secret from the first masking.
        answer=mask(_text_of(answer)).strip()[:MOST_CHARACTERS].rstrip(". "),
        retryable=status in {408, 425},
        **about,
    )


def _parse(detail: str) -> Any:
    try:
        return json.loads(detail)
    except (ValueError, RecursionError):
        return None


def _text_of(answer: Any, depth: int = DEEPEST) -> str:
    """Return the texts of an answer, each after the name of its field."""
    if depth == 0:
        return ""
    if isinstance(answer, dict):
        named = {name: _text_of(each, depth - 1) for name, each in answer.items()}
        parts = [text if name in _UNNAMED else f"{name}: {text}" for name, text in named.items() if text]
        return "; ".join(parts)
    if isinstance(answer, list):
        return " ".join(filter(None, (_text_of(each, depth - 1) for each in answer)))
    return answer if isinstance(answer, str) else ""


def _fields(answer: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(answer, dict):
        return {}
    named = {str(name): texts for name, texts in answer.items() if isinstance(texts, list)}
    return {name: tuple(str(each)[:200] for each in texts) for name, texts in named.items()}
