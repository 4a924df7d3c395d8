"""The two addresses of a service that Clarius Cloud calls or links to."""

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from django.conf import settings

from integrations.clarius import RemoteSettings
from integrations.models import Service

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def webhook_url(*, service: Service, secret: str | None = None) -> str:
    """Return the address for notifications; its last part is the given or the current secret."""
    return f"{settings.PUBLIC_URL}/webhooks/clarius/{service.slug}/{secret or service.webhook_secret}/"


def connect_url(*, service: Service) -> str:
    """Return the address for the transfer of tokens, with the Cloud's placeholder."""
    return f"{settings.PUBLIC_URL}/connect/{service.slug}/?token={{token}}"


def differing(remote: RemoteSettings, wanted: Mapping[str, str]) -> list[str]:
    """Return the names of the settings of which the Cloud has another value than the wanted one."""
    return [name for name, url in wanted.items() if not is_same_address(getattr(remote, name), url)]


def is_same_address(one: str, other: str) -> bool:
    """Tell whether two URLs mean the same: case of the host, default port, escapes and last slash differ."""
    return one == other or _normalized(one) == _normalized(other)


def _normalized(url: str) -> tuple[object, ...]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return (url,)
    path = unquote(parts.path).rstrip("/")
    return parts.scheme, parts.hostname, port, parts.username, path, unquote(parts.query), parts.fragment


def is_loopback(*, url: str) -> bool:
    """Tell whether the URL's host is this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK_HOSTS


def is_sandbox_address(*, url: str) -> bool:
    """Tell whether the URL is a sandbox's: on this machine, or without TLS in our own network.

    Plain http is only called inside `EGRESS_ALLOWED_NETWORKS`.
    """
    return urlsplit(url).scheme == "http" or is_loopback(url=url)


def is_public_https() -> bool:
    """Tell whether our addresses may be registered: notifications need https."""
    return settings.PUBLIC_URL.startswith("https://")
