"""Write names and identifiers for readers, whatever was sent; doubt birth dates; shorten UUIDs."""

import re
import unicodedata
from datetime import date
from uuid import UUID

# Scripts that write the family name first and leave no space between the two.
_FAMILY_FIRST = ("CJK UNIFIED", "CJK COMPATIBILITY", "HIRAGANA", "KATAKANA", "HANGUL")
# Directions, joiners, fillers and tags: a reader cannot see them, but they can reorder or hide what is seen.
# A variation selector after an ideograph chooses how a name is written, so it stays.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff"
    "\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
    "|(?<![\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# The oldest person alive was born later; the Thai calendar is ahead of ours by so many years.
EARLIEST_BIRTH = 1880
BUDDHIST_YEARS = 543


def visible(text: str) -> str:
    """Return a text without the characters that no reader can see."""
    return " ".join(_INVISIBLE.sub("", text).split())


def has_invisible(text: str) -> bool:
    """Return whether a text contains characters that no reader can see."""
    return _INVISIBLE.search(text) is not None


def folded(text: str) -> str:
    """Return a text for comparison: what is visible, without differences of case, width and spacing."""
    return visible(unicodedata.normalize("NFKC", visible(text)).casefold())


def is_family_first(*parts: str) -> bool:
    """Return whether all parts of a name are in a script that writes the family name first."""
    signs = (unicodedata.name(sign, "") for part in parts for sign in part)
    return all(name.startswith(_FAMILY_FIRST) for name in signs)


def join_name(*, first: str, middle: str, last: str) -> str:
    """Return the whole name: 王伟, not 伟 王, and Ingrid Marie Halvorsen as she writes it."""
    first, middle, last = (written_name(part) for part in (first, middle, last))
    parts = [part for part in (first, middle, last) if part]
    if is_family_first(*parts):
        return f"{last}{first}{middle}"
    return " ".join(parts)


def written_name(text: str) -> str:
    """Return a name as people write it, also where it came as in DICOM: family^given^middle^prefix^suffix.

    The same name in other scripts, after `=`, follows in brackets.
    """
    if "^" not in text and "=" not in text:
        return visible(text)
    groups = [_written_group(group) for group in text.split("=")]
    shown = list(dict.fromkeys(group for group in groups if group))
    return f"{shown[0]} ({', '.join(shown[1:])})" if len(shown) > 1 else "".join(shown)


def _written_group(text: str) -> str:
    family, given, middle, prefix, *suffixes = [visible(part) for part in text.split("^")] + [""] * 3
    name = join_name(first=given, middle=middle, last=family)
    suffix = " ".join(each for each in suffixes if each)
    return ", ".join(each for each in (" ".join(filter(None, (prefix, name))), suffix) if each)


def doubt_birth(born: date | None, text: str, *, today: date) -> str:
    """Return why a birth date, or the text in its place, is implausible; an empty string if it is not."""
    digits = re.match(r"\s*(\d{4})\b", text)
    year = born.year if born else int(digits[1]) if digits else None
    if year is None:
        return ""
    if year < EARLIEST_BIRTH:
        return f"before {EARLIEST_BIRTH}"
    if (born is None and year <= today.year) or (born is not None and born <= today):
        return ""
    if EARLIEST_BIRTH <= year - BUDDHIST_YEARS <= today.year:
        return f"perhaps of the Buddhist calendar, {year - BUDDHIST_YEARS}"
    return "in the future"


def short_id(request_uuid: UUID) -> str:
    """Return the first part of the UUID, which is enough for people to distinguish requests."""
    return str(request_uuid)[:8]
