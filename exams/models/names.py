"""How a person's name is written, by the script it is written in, and how a request is called."""

import unicodedata
from uuid import UUID

# Scripts that write the family name first and leave no space between the two.
_FAMILY_FIRST = ("CJK UNIFIED", "CJK COMPATIBILITY", "HIRAGANA", "KATAKANA", "HANGUL")


def join_name(*, first: str, middle: str, last: str) -> str:
    """Return the whole name: 王伟, not 伟 王, and Ingrid Marie Halvorsen as she writes it."""
    parts = [part for part in (first, middle, last) if part]
    if all(_is_family_first(part) for part in parts):
        return f"{last}{first}{middle}"
    return " ".join(parts)


def short_id(request_uuid: UUID) -> str:
    """Return the beginning by which people tell requests apart; the whole of it stands beside or behind."""
    return str(request_uuid)[:8]


def _is_family_first(text: str) -> bool:
    return all(unicodedata.name(each, "").startswith(_FAMILY_FIRST) for each in text)
