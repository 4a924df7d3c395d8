"""Settings from the environment; a value that cannot work stops the start with a sentence."""

import difflib
import ipaddress
import re
from collections.abc import Callable, Collection
from email.utils import parseaddr
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import EmailValidator

# Bytes of entropy cannot be measured; this many characters cannot be guessed.
SECRET_LENGTH = 32
FERNET_COMMAND = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
# How alike two names are, from 0 to 1, if one is probably a misspelling of the other.
LIKENESS = 0.88
YES = ("true", "on", "yes", "1")
NO = ("false", "off", "no", "0")
DATABASES = ("sqlite", "postgres", "postgresql")
BROKERS = ("memory", "amqp", "amqps", "redis", "rediss")
MAIL = ("smtp", "smtp+tls", "smtp+ssl", "filemail", "consolemail")

# A name, or an address of version 4 or 6 without its brackets.
_HOST = re.compile(r"[a-z0-9._:-]+")

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
T = TypeVar("T")


class Environment(environ.Env):
    """Variables of the environment. An empty one counts as not set, as in a copy of `.env.example`.

    Each method raises ImproperlyConfigured with a sentence that names the variable. Values that may contain a
    secret are not quoted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asked: set[str] = set()

    def misspelt(self) -> dict[str, str]:
        """Return the variables that nothing has read but that resemble one that was: {as given: as meant}."""
        given = {name for name, value in self.ENVIRON.items() if value.strip()} - self._asked
        alike = {name: difflib.get_close_matches(name, self._asked, n=1, cutoff=LIKENESS) for name in given}
        return {name: meant[0] for name, meant in sorted(alike.items()) if meant}

    def _text(self, name: str) -> str:
        self._asked.add(name)
        # Not by `str()`, which takes a value that begins with $ for the name of another variable.
        return str(self.ENVIRON.get(name, "")).strip()

    def flag(self, name: str, *, default: bool) -> bool:
        """Return whether a variable says yes; a misspelt word is neither yes nor no."""
        text = self._text(name).lower()
        if text and text not in YES + NO:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(YES + NO)}, not {text!r}.")
        return text in YES if text else default

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        """Return a whole number from `least` to `most`."""
        text = self._text(name) or str(default)
        try:
            value = int(text)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}.") from None
        if not least <= value <= most:
            raise ImproperlyConfigured(f"{name} must be a number from {least} to {most}, not {value}.")
        return value

    def choice(self, name: str, *, default: str, choices: Collection[str]) -> str:
        """Return one of the choices, which are in upper case."""
        text = self._text(name).upper() or default
        if text not in choices:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {text!r}.")
        return text

    def words(self, name: str) -> tuple[str, ...]:
        """Return the parts of a comma-separated variable."""
        return tuple(filter(None, (part.strip() for part in self._text(name).split(","))))

    def networks(self, name: str) -> tuple[str, ...]:
        """Return networks such as 10.0.0.0/8 or fd00::/8."""
        for text in (found := self.words(name)):
            try:
                ipaddress.ip_network(text)
            except ValueError as error:
                raise ImproperlyConfigured(
                    f"{name} contains {text!r}, which is not a network such as 10.1.0.0/16: {error}."
                ) from None
        return found

    def mailbox(self, name: str, *, default: str) -> str:
        """Return an e-mail address, plain or as `Name <address>`."""
        return self._read_mailbox(name, self._text(name) or default)

    def mailboxes(self, name: str) -> list[str]:
        """Return e-mail addresses."""
        return [self._read_mailbox(name, text) for text in self.words(name)]

    def _read_mailbox(self, name: str, text: str) -> str:
        address = parseaddr(text)[1]
        domain = address.rpartition("@")[2]
        # A mail domain inside a network may have one label, such as portal@mailhost.
        known = [domain] if _LABEL.fullmatch(domain) else []
        try:
            EmailValidator(allowlist=known)(address)
        except ValidationError:
            raise ImproperlyConfigured(f"{name} contains {text!r}, which is not an e-mail address.") from None
        return text

    def folder(self, name: str, *, default: Path) -> Path:
        """Return the absolute path of a folder, which may not exist yet."""
        path = Path(self._text(name) or default).expanduser().absolute()
        if path.exists() and not path.is_dir():
            raise ImproperlyConfigured(f"{name} names {path}, which is not a folder.")
        return path

    def secret(self, name: str) -> str:
        """Return a secret that is long enough and no placeholder."""
        value = self._text(name)
        if not value:
            raise ImproperlyConfigured(
                f"{name} is not set. Set it to at least {SECRET_LENGTH} random characters, "
                "for example from: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
            )
        is_short = len(value) < SECRET_LENGTH or len(set(value)) < 10
        if is_short or value.startswith(("change-me", "django-insecure")):
            raise ImproperlyConfigured(
                f"{name} is too weak. Set it to at least {SECRET_LENGTH} random characters."
            )
        return value

    def fernet_keys(self, name: str) -> list[str]:
        """Return Fernet keys, newest first."""
        values = self.words(name)
        if not values:
            raise ImproperlyConfigured(f"{name} is not set. Make a key with: {FERNET_COMMAND}")
        for value in values:
            try:
                Fernet(value.encode())
            except ValueError as error:
                raise ImproperlyConfigured(
                    f"{name} contains a value that is not a Fernet key. Make one with: {FERNET_COMMAND}"
                ) from error
        return list(values)

    def public_url(self, name: str, *, default: str) -> str:
        """Return the portal's own address, without a slash at its end."""
        url = (self._text(name) or default).rstrip("/").lower()
        try:
            parts = urlsplit(url)
            is_host = _HOST.fullmatch(parts.hostname or "")
            is_address = parts.scheme in {"http", "https"} and is_host and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address:
            raise ImproperlyConfigured(
                f"{name} must be an address such as https://portal.example.com. A host with letters beyond a "
                "to z is written as browsers send it: xn--…"
            )
        if url != f"{parts.scheme}://{parts.netloc}" or parts.username is not None:
            raise ImproperlyConfigured(
                f"{name} must be scheme, host and port alone, such as https://portal.example.com:8443. "
                "The portal needs a host of its own; it cannot live under a path."
            )
        return url

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        """Return Django's entry for a database address."""
        url = self._text(name) or default
        config = self._read_address(name, url, schemes=DATABASES, read=self.db_url_config)
        if not config["NAME"]:
            raise ImproperlyConfigured(f"{name} names no database; its address ends with /NAME.")
        return config

    def mail(self, name: str, *, default: str) -> dict[str, Any]:
        """Return Django's settings for an e-mail address of a server or folder."""
        url = self._text(name) or default
        config = self._read_address(name, url, schemes=MAIL, read=self.email_url_config)
        if url.startswith("smtp") and not config["EMAIL_HOST"]:
            raise ImproperlyConfigured(f"{name} names no mail server.")
        return config

    def broker(self, name: str, *, default: str) -> str:
        """Return the address of a broker, or several separated by semicolons."""
        urls = self._text(name) or default
        for url in urls.split(";"):
            self._read_address(name, url, schemes=BROKERS, read=lambda each: urlsplit(each).port)
        return urls

    def _read_address(self, name: str, url: str, *, schemes: Collection[str], read: Callable[[str], T]) -> T:
        # What cannot be read is often the start of a password, so no message may quote it.
        scheme = url.partition(":")[0].lower()
        if scheme not in schemes:
            raise ImproperlyConfigured(
                f"{name} must begin with one of {', '.join(f'{each}://' for each in schemes)}"
            )
        try:
            return read(url)
        except (ValueError, ImproperlyConfigured, KeyError):
            raise ImproperlyConfigured(
                f"{name} cannot be read as an address. In its password, percent-encode every character "
                "that is neither a letter nor a digit (%2F for /)."
            ) from None
