"""The options of each kind of fault."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.fault_bodies import BODIES

LONGEST_SECONDS = 3600
MOST_EXAMS = 1000


def _status(value: Any) -> int:
    if not 200 <= (number := int(value)) <= 599:
        raise ValueError("status must be between 200 and 599")
    return number


def _seconds(value: Any) -> float:
    if not 0 <= (number := float(value)) <= LONGEST_SECONDS:
        raise ValueError(f"seconds must be between 0 and {LONGEST_SECONDS}")
    return number


def _fraction(value: Any) -> float:
    # NaN compares false, so it is refused too.
    if not 0 <= (number := float(value)) <= 1:
        raise ValueError("fraction must be between 0 and 1")
    return number


def _count(value: Any) -> int:
    if not 0 <= (number := int(value)) <= MOST_EXAMS:
        raise ValueError(f"count must be between 0 and {MOST_EXAMS}")
    return number


def _address(value: Any) -> str:
    # A header cannot hold a line break.
    if not (text := str(value)).isprintable():
        raise ValueError("to must be an address")
    return text


def _body(value: Any) -> str:
    if value not in BODIES:
        raise ValueError(f"body must be one of {BODIES}")
    return str(value)


def _headers(value: Any) -> dict[str, str]:
    headers = {str(name): str(text) for name, text in dict(value).items()}
    if not all(part.isprintable() and part.isascii() for pair in headers.items() for part in pair):
        raise ValueError("headers must be names and values in ASCII")
    return headers


OPTIONS: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "status": {"status": _status, "headers": _headers, "body": _body},
    "status_after": {"status": _status, "headers": _headers, "body": _body},
    "delay": {"seconds": _seconds},
    "drip": {"seconds": _seconds},
    "truncate": {"fraction": _fraction},
    "no_length": {"fraction": _fraction},
    "redirect": {"to": _address},
    "foreign_next": {"to": _address},
    "foreign_url": {"to": _address},
    "grow": {"count": _count},
}


def checked_options(*, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options in their types; raises ValueError or TypeError for an invalid one."""
    known = OPTIONS.get(kind, {})
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"{kind} accepts {sorted(known)}, not {unknown}")
    return {name: known[name](value) for name, value in options.items()}
