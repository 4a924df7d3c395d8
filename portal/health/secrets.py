"""Refuse to start with a missing, weak or unreadable secret; the message says what to set."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

# Bytes of entropy cannot be measured; this many characters cannot be guessed.
MINIMUM_LENGTH = 32
FERNET_COMMAND = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"

T = TypeVar("T")


def require_secret(*, name: str, value: str) -> str:
    """Return `value`, or raise ImproperlyConfigured if it is missing, short or a placeholder."""
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. Set it to at least {MINIMUM_LENGTH} random characters, "
            "for example from: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    if (
        len(value) < MINIMUM_LENGTH
        or len(set(value)) < 10
        or value.startswith(("change-me", "django-insecure"))
    ):
        raise ImproperlyConfigured(
            f"{name} is too weak. Set it to at least {MINIMUM_LENGTH} random characters."
        )
    return value


def require_fernet_keys(*, name: str, values: list[str]) -> list[str]:
    """Return the Fernet keys, newest first, or raise ImproperlyConfigured with the command that makes one."""
    if not values:
        raise ImproperlyConfigured(f"{name} is not set. Make a key with: {FERNET_COMMAND}")
    for value in values:
        try:
            Fernet(value.encode())
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} contains a value that is not a Fernet key. Make one with: {FERNET_COMMAND}"
            ) from error
    return values


def require_address(*, name: str, read: Callable[[], T]) -> T:
    """Return what `read` parses from the address `name`; raises ImproperlyConfigured without quoting it."""
    try:
        return read()
    except ValueError:
        # What could not be read is often the start of a password, so no message may quote it.
        raise ImproperlyConfigured(
            f"{name} cannot be read as an address. In its password, percent-encode every character that is "
            "neither a letter nor a digit (%2F for /)."
        ) from None


def readable_broker(url: str) -> str:
    """Return one address, or several separated by semicolons; raises ValueError where Celery would."""
    for each in url.split(";"):
        _ = urlsplit(each).port
    return url
