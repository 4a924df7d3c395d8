"""Write a person's name, depending on its script, and the short form of a request's UUID."""

import unicodedata
from uuid import UUID

# Scripts that write the family name first and leave no space between the two.
_FAMILY_FIRST = ("CJK UNIFIED", "CJK COMPATIBILITY", "HIRAGANA", "KATAKANA", "HANGUL")


def join_name(*, first: str, middle: str, last: str) -> str:
    """Return the whole name: 王伟, not 伟 王, and Ingrid Marie Halvorsen as she writes it."""
    parts = [part for part in (first, middle, last) if part]
    signs = (unicodedata.name(sign, "") for part in parts for sign in part)
    if all(name.startswith(_FAMILY_FIRST) for name in signs):
        return f"{last}{first}{middle}"
    return " ".join(parts)


def short_id(request_uuid: UUID) -> str:
    """Return the first part of the UUID, which is enough for people to distinguish requests."""
    return str(request_uuid)[:8]
