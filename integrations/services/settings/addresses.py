"""The two addresses of a service that Clarius Cloud calls or links to."""

from urllib.parse import urlsplit

from django.conf import settings

from integrations.models import Service

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def webhook_url(*, service: Service, secret: str | None = None) -> str:
    """Return the address for notifications; its last part is the given or the current secret."""
    return f"{settings.PUBLIC_URL}/webhooks/clarius/{service.slug}/{secret or service.webhook_secret}/"


def connect_url(*, service: Service) -> str:
    """Return the address for the transfer of tokens, with the Cloud's placeholder."""
    return f"{settings.PUBLIC_URL}/connect/{service.slug}/?token={{token}}"


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
