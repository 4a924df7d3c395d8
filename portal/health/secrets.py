"""Refuse to start on a missing, weak or unreadable secret, with a sentence that says what to set."""

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

MINIMUM_LENGTH = 32
FERNET_RECIPE = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"

T = TypeVar("T")


def require_secret(*, name: str, value: str) -> str:
    """Return `value`, or raise ImproperlyConfigured when it is missing, short or a placeholder."""
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
    """Return the Fernet keys, newest first, or raise ImproperlyConfigured naming the recipe."""
    if not values:
        raise ImproperlyConfigured(f"{name} is not set. Make a key with: {FERNET_RECIPE}")
    for value in values:
        try:
            Fernet(value.encode())
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name} holds something that is not a Fernet key. Make one with: {FERNET_RECIPE}"
            ) from error
    return values


def require_address(*, name: str, read: Callable[[], T]) -> T:
    """Return what `read` makes of the address `name`, or raise ImproperlyConfigured, which quotes nothing."""
    try:
        return read()
    except ValueError:
        # What could not be read is the beginning of a password, most of the time: no line may quote it.
        raise ImproperlyConfigured(
            f"{name} cannot be read as an address. In its password, what is neither letter nor digit must "
            "stand in percent notation (%2F for /)."
        ) from None


def readable_broker(url: str) -> str:
    """Return one address or several with semicolons between; raises ValueError where Celery would."""
    for each in url.split(";"):
        _ = urlsplit(each).port
    return url
