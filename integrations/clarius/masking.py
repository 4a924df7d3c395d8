"""Mask keys, tokens and signatures in the beginning of an answer, before it is kept in an error."""

import re

# Characters kept: enough to recognise an error page.
LONGEST = 2048
MASK = "********"

_SECRETS = (
    re.compile(r"Service-API-Key\s+\S+", re.IGNORECASE),
    re.compile(r"\b[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b"),
    # Customer tokens, webhook secrets and signatures are long runs without a space.
    re.compile(r"(?<![\w-])[-\w]{40,}(?![\w-])"),
    re.compile(r"https?://[^\s\"'<>]+"),
)


def mask(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """Return at most 2 KiB of `text` in which nothing secret can be read."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    for pattern in _SECRETS:
        text = pattern.sub(MASK, text)
    return text[:LONGEST]
