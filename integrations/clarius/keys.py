"""The API key: a secret that is never shown, and a check of its form that makes no call."""

import re

KEYWORD = "Service-API-Key"

# Documented keys have 8 and 32 characters; other lengths are accepted so that a longer key works as well.
_SHAPE = re.compile(r"[A-Za-z0-9_-]{4,32}\.[A-Za-z0-9_-]{16,200}")


class Secret:
    """A text that appears masked wherever it is printed, logged or shown in a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself; call it only where the text is sent."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('********')"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("A secret is not serialised.")


def key_problem(key: str) -> str | None:
    """Return one sentence about what is wrong with the form of an API key, or None; makes no call."""
    bare = key.strip()
    if not bare:
        return "No API key was given. Enter the key that Clarius gave you for this service."
    if bare.lower().startswith(KEYWORD.lower()):
        return f"Give the API key alone, without the word {KEYWORD}."
    if bare != key or re.search(r"\s", key):
        return "The API key contains spaces or line breaks; copy it again without them."
    prefix, dot, rest = key.partition(".")
    if not dot or not rest:
        return "This is only the prefix of an API key; the whole key is the prefix, a dot and a long secret."
    if not prefix or not _SHAPE.fullmatch(key):
        return "This does not look like an API key; it should be a short prefix, a dot and a long secret."
    return None
