"""The egress rules: URLs are cleaned and rebuilt, and every address behind a host name is checked."""

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from integrations.clarius.errors import BlockedByPolicy, Unreachable
from integrations.clarius.special_use import is_special_use

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Takes a host name and a port and returns every address as text; raises OSError when there is none.
Resolver = Callable[[str, int], Sequence[str]]

# Longer than signed links are, and a limit for what is parsed.
MAX_URL_LENGTH = 8192
DEFAULT_PORTS = {"http": 80, "https": 443}

# Control characters, spaces of any kind, and the backslash, which parsers read differently.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff\\]")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
# A resolver takes "127.1", "2130706433" and "0x7f.1" for addresses although they look like names.
_LOOKS_NUMERIC = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?")
_INTERNAL_NAME = re.compile(r"(.*\.)?(localhost|internal|local|home\.arpa|intranet|lan|corp)\.?|[^.]+\.?")


@dataclass(frozen=True)
class Origin:
    """Scheme, lower-case host without brackets, and port; URLs with the same origin reach the same server."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


@dataclass(frozen=True)
class CleanUrl:
    """A URL rebuilt from its checked parts, with its origin."""

    origin: Origin
    path: str
    query: str | None

    @property
    def text(self) -> str:
        """The URL to send."""
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query is not None else "")


def clean_url(url: str) -> CleanUrl:
    """Parse, check and rebuild an absolute URL; raises BlockedByPolicy for anything ambiguous."""
    if not isinstance(url, str) or not url or len(url) > MAX_URL_LENGTH:
        raise BlockedByPolicy("The address is empty or too long.")
    if _FORBIDDEN.search(url) or "#" in url:
        raise BlockedByPolicy("The address contains characters that are not allowed there.")
    _check_start(url)
    try:
        parts = parse_url(url)
        parts.url.encode("utf-8")
    except (LocationParseError, ValueError):
        parts = Url()
    if parts.scheme not in DEFAULT_PORTS or not parts.host:
        raise BlockedByPolicy("The address could not be read.")
    if parts.auth is not None or "@" in (parts.netloc or ""):
        raise BlockedByPolicy("The address contains a user name.")
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    if not 0 < port < 65536:
        raise BlockedByPolicy("The address names an impossible port.")
    origin = Origin(scheme=parts.scheme, host=_checked_host(parts.host), port=port)
    return CleanUrl(origin=origin, path=parts.path or "/", query=parts.query)


def _check_start(url: str) -> None:
    start = re.match(r"https?://([^/?]+)", url, re.IGNORECASE)
    if not start:
        raise BlockedByPolicy("The address does not start with https:// and a host.")
    if not start[1].isascii() or "%" in start[1]:
        # Parsers translate such a host differently.
        raise BlockedByPolicy("The address names a host with characters that are not allowed.")


def _checked_host(host: str) -> str:
    bare = host.lower()
    if bare.startswith("["):
        bare = bare.strip("[]")
        if _address(bare) is None:
            raise BlockedByPolicy("The address names a host that could not be read.")
        return bare
    if _LOOKS_NUMERIC.fullmatch(bare) and _address(bare) is None:
        raise BlockedByPolicy("The address names its host by an unusual number.")
    if len(bare) > 253 or not _HOST_NAME.fullmatch(bare):
        raise BlockedByPolicy("The address names a host with characters that are not allowed.")
    return bare


@lru_cache(maxsize=256)
def _address(text: str) -> Address | None:
    # A zone ("%eth0") would select a network interface of this machine.
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_public(address: str) -> bool:
    """Tell whether an IP address, given as text, belongs to the public internet."""
    parsed = _address(address)
    return parsed is not None and not is_special_use(parsed)


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the operating system for every address of a host; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Policy:
    """Allows public addresses by https on port 443, and any address inside the allowed networks."""

    def __init__(self, *, allowed_networks: Iterable[str] = (), resolver: Resolver = system_resolver) -> None:
        self._allowed = tuple(ipaddress.ip_network(text, strict=False) for text in allowed_networks)
        self._resolver = resolver

    def is_allowed_network(self, address: str) -> bool:
        """Tell whether an IP address lies in one of the allowed networks."""
        parsed = _address(address)
        return parsed is not None and any(
            parsed in network for network in self._allowed if network.version == parsed.version
        )

    def addresses(self, origin: Origin) -> tuple[str, ...]:
        """Resolve a host once and return its checked addresses.

        Raises BlockedByPolicy when one of them is not allowed, Unreachable when there is none.
        """
        try:
            # A literal address needs no resolver, which could only change it.
            literal = _address(origin.host)
            found = (origin.host,) if literal else tuple(self._resolver(origin.host, origin.port))
        except (OSError, UnicodeError):
            found = ()
        if not found:
            raise Unreachable("The name of the server could not be resolved.")
        if all(self.is_allowed_network(address) for address in found):
            return found
        self._check_public(origin, found)
        return found

    def _check_public(self, origin: Origin, addresses: Sequence[str]) -> None:
        if _address(origin.host) is None and _INTERNAL_NAME.fullmatch(origin.host):
            raise BlockedByPolicy("The address belongs to an internal network that is not allowed.")
        if not all(is_public(address) or self.is_allowed_network(address) for address in addresses):
            raise BlockedByPolicy("The address belongs to an internal network that is not allowed.")
        if origin.scheme != "https" or origin.port != DEFAULT_PORTS["https"]:
            raise BlockedByPolicy("Public addresses are called by https at the usual port only.")


def check_url(
    url: str, *, allowed_networks: Iterable[str] = (), resolver: Resolver = system_resolver
) -> CleanUrl:
    """Clean a URL and check every address behind its host; raises BlockedByPolicy or Unreachable."""
    clean = clean_url(url)
    Policy(allowed_networks=allowed_networks, resolver=resolver).addresses(clean.origin)
    return clean
