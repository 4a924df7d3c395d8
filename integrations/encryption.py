"""Secrets at rest: encrypted with `FIELD_ENCRYPTION_KEYS`, found by HMAC under `TOKEN_LOOKUP_KEY`."""

import hashlib
import hmac
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class CannotDecrypt(Exception):
    """No key in `FIELD_ENCRYPTION_KEYS` opens this value."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """Return `text` sealed with the newest key."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def decrypt(sealed: str, *, seconds: int | None = None) -> str:
    """Return the text of `sealed`; raises CannotDecrypt, also when it is older than `seconds`."""
    try:
        return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(sealed.encode(), ttl=seconds).decode()
    except InvalidToken as error:
        raise CannotDecrypt("A stored secret cannot be opened; is FIELD_ENCRYPTION_KEYS complete?") from error


def lookup_digest(text: str) -> str:
    """Return the keyed hash under which a token is found, 64 hexadecimal characters."""
    return hmac.new(settings.TOKEN_LOOKUP_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


class EncryptedTextField(models.TextField):
    """Text that is sealed in the database and plain in Python; it cannot be searched."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return decrypt(value) if value else value

    def get_prep_value(self, value: Any) -> Any:
        return encrypt(str(value)) if value else value
