"""Secrets at rest: encrypted with `FIELD_ENCRYPTION_KEYS`, found by HMAC under `TOKEN_LOOKUP_KEY`."""

import hashlib
import hmac
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute


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


class Sealed:
    """A stored secret that nobody has opened yet; printing it shows nothing."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "Sealed()"


class _OpenedOnRead(DeferredAttribute):
    """Opens the secret when it is asked for: a row can be used although its secret cannot be opened."""

    field: Any

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            value = decrypt(value.text)
            instance.__dict__[self.field.attname] = value
        return value

    # Without it the value that was loaded would be found before this descriptor is asked.
    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


def still_encrypted(row: models.Model, name: str) -> Any:
    """Return a stored secret that nobody opened, to be stored in another row as it is."""
    return row.__dict__[name]


class EncryptedTextField(models.TextField):
    """Text that is sealed in the database and plain in Python; it cannot be searched."""

    descriptor_class = _OpenedOnRead

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed | str | None:
        return Sealed(value) if value else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Write back what nobody opened as it is."""
        return model_instance.__dict__.get(self.attname)

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Sealed):
            return value.text
        return encrypt(str(value)) if value else value
