"""Read required fields of a JSON object; a missing or malformed one is named in a ProtocolError."""

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Any, TypeVar

from integrations.clarius.errors import ProtocolError

T = TypeVar("T")

# A leap second, which Python does not know; it is the first second of the next minute here.
_LEAP_SECOND = re.compile(r"(?<=:\d\d):60(?=$|[.,Z+-])")
# Opaque to us; anything that fits into a header, a form and a URL is accepted, wherever a token comes from.
_TOKEN = re.compile(r"[\x21-\x7e]{1,200}")


def as_object(value: Any, *, what: str) -> Mapping[str, Any]:
    """Return a JSON object; raises ProtocolError."""
    if not isinstance(value, dict):
        raise ProtocolError(f"The Cloud's answer holds no {what}.")
    return value


def as_list(value: Any, *, what: str) -> list[Any]:
    """Return a JSON array; raises ProtocolError."""
    if not isinstance(value, list):
        raise ProtocolError(f"The Cloud's answer holds no list of {what}.")
    return value


def text(source: Mapping[str, Any], name: str) -> str:
    """Return a text field that could be stored and printed; raises ProtocolError."""
    return exact_text(source, name).replace("\x00", "")


def exact_text(source: Mapping[str, Any], name: str) -> str:
    """Return a text field as it came, even with a NUL; raises ProtocolError."""
    value = source.get(name)
    if not isinstance(value, str):
        raise missing(name)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise missing(name) from None
    return value


def is_token(value: Any) -> bool:
    """Tell whether a value has the form of a customer's token; makes no call."""
    return isinstance(value, str) and bool(_TOKEN.fullmatch(value))


def token(value: Any, *, name: str = "token") -> str:
    """Return a customer's token; raises ProtocolError."""
    if not is_token(value):
        raise missing(name)
    return str(value)


def identifier(source: Mapping[str, Any], name: str) -> uuid.UUID:
    """Return a UUID field; raises ProtocolError."""
    try:
        return uuid.UUID(text(source, name))
    except ValueError:
        raise missing(name) from None


def moment(source: Mapping[str, Any], name: str) -> datetime:
    """Return a time as an aware UTC datetime, in any form of RFC 3339 and without a zone in UTC.

    Raises ProtocolError.
    """
    written, leap = _LEAP_SECOND.subn(":59", text(source, name).strip().upper())
    try:
        parsed = datetime.fromisoformat(written) + timedelta(seconds=leap)
        parsed = parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise missing(name) from None
    if not MINYEAR < parsed.year < MAXYEAR:
        # It could be stored and then not be shown in every time zone.
        raise missing(name)
    return parsed


def optional(read: Callable[[Mapping[str, Any], str], T], source: Mapping[str, Any], name: str) -> T | None:
    """Return what `read` makes of a field, or None where it is absent or cannot be read."""
    try:
        return read(source, name)
    except ProtocolError:
        return None


def others(source: Mapping[str, Any], *known: str) -> Mapping[str, Any]:
    """Return the fields that are not among the known ones."""
    return {name: value for name, value in source.items() if name not in known}


def missing(name: str) -> ProtocolError:
    """Return the error that names a field."""
    return ProtocolError(f'The Cloud\'s answer has no usable field "{name}".')
