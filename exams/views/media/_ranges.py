"""Parse a request for one byte range of a file, as in RFC 9110 section 14."""

import re

_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)
# A longer number is beyond the end of any file, and parsing it would cost time.
_LONGEST_FIGURE = 18


class Unsatisfiable(Exception):
    """The range is outside the file."""


def parse_range(header: str, *, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte, or None for the whole file; raises Unsatisfiable.

    Several ranges, and headers that cannot be parsed, mean the whole file, which the RFC allows.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match[0].strip().endswith("=-"):
        return None
    first_text, last_text = match[1], match[2]
    if not first_text and not last_text:
        return None
    if not first_text:
        wanted = _number(last_text)
        if wanted == 0 or size == 0:
            raise Unsatisfiable
        return max(0, size - wanted), size - 1
    first = _number(first_text)
    last = _number(last_text) if last_text else size - 1
    if last_text and last < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return first, min(last, size - 1)


def _number(text: str) -> int:
    return int(text) if len(text) <= _LONGEST_FIGURE else 10**_LONGEST_FIGURE
