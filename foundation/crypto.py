"""Secrets at rest: encrypted with `FIELD_ENCRYPTION_KEYS`, looked up by an HMAC under `TOKEN_LOOKUP_KEY`."""

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.lookups import Exact
from django.db.models.query_utils import DeferredAttribute


class CannotDecrypt(Exception):
    """No key in `FIELD_ENCRYPTION_KEYS` decrypts this value."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """Return `text` encrypted with the newest key."""
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def decrypt(encrypted: str, *, seconds: int | None = None) -> str:
    """Return the plain text; raises CannotDecrypt, also if it was encrypted more than `seconds` ago."""
    try:
        fernet = _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS))
        return fernet.decrypt(encrypted.encode(), ttl=seconds).decode()
    except InvalidToken as error:
        raise CannotDecrypt(
            "A stored secret cannot be decrypted; is FIELD_ENCRYPTION_KEYS complete?"
        ) from error


def rotate(encrypted: str) -> str:
    """Return the same text encrypted with the newest key, and unchanged if it is; raises CannotDecrypt."""
    try:
        Fernet(settings.FIELD_ENCRYPTION_KEYS[0]).decrypt(encrypted.encode())
    except InvalidToken:
        return encrypt(decrypt(encrypted))
    return encrypted


def lookup_digest(text: str) -> str:
    """Return the keyed hash that identifies a token, as 64 hexadecimal characters."""
    return hmac.new(settings.TOKEN_LOOKUP_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A stored secret that has not been decrypted yet; printing it shows nothing."""

    text: str

    def __repr__(self) -> str:
        return "Encrypted()"


class _DecryptedOnRead(DeferredAttribute):
    """Decrypts the secret when it is read, so that a row is usable even if its secret cannot be decrypted."""

    field: Any

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Encrypted):
            value = decrypt(value.text)
            instance.__dict__[self.field.attname] = value
        return value

    # Without a setter, Python would find the loaded value in `__dict__` before this descriptor.
    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


def still_encrypted(row: models.Model, name: str) -> Any:
    """Return a stored secret without decrypting it, to store it in another row as it is."""
    return row.__dict__[name]


class EncryptedTextField(models.TextField):
    """Text that is encrypted in the database and plain in Python; only an empty text can be searched."""

    descriptor_class = _DecryptedOnRead

    def get_lookup(self, lookup_name: str) -> Any:
        """Refuse what would find nothing, since no two encryptions of a text are the same."""
        return super().get_lookup(lookup_name) if lookup_name in ("exact", "isnull") else None

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Encrypted | str | None:
        return Encrypted(value) if value else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Write a secret that was not decrypted back as it is."""
        return model_instance.__dict__.get(self.attname)

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Encrypted):
            return value.text
        return encrypt(str(value)) if value else value


@EncryptedTextField.register_lookup
class _Stored(Exact):
    def get_prep_lookup(self) -> Any:
        # What is stored can be compared with what was stored.
        if self.rhs and not isinstance(self.rhs, Encrypted):
            raise FieldError("An encrypted column cannot be searched.")
        return super().get_prep_lookup()
