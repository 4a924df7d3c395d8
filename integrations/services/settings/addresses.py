"""The two addresses that Clarius Cloud has to know of a service."""

from urllib.parse import urlsplit

from django.conf import settings

from integrations.models import Service

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def webhook_url(*, service: Service, secret: str | None = None) -> str:
    """Return the address that takes notifications; its last part is the secret given, or the current one."""
    return f"{settings.PUBLIC_URL}/webhooks/clarius/{service.slug}/{secret or service.webhook_secret}/"


def connect_url(*, service: Service) -> str:
    """Return the address that takes tokens, with the Cloud's placeholder."""
    return f"{settings.PUBLIC_URL}/connect/{service.slug}/?token={{token}}"


def is_loopback(*, url: str) -> bool:
    """Tell whether the URL's host is this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK_HOSTS


def is_sandbox_address(*, url: str) -> bool:
    """Tell whether a Cloud there is no real one: on this machine, or reached without TLS in our own network.

    Plain http is called inside `EGRESS_ALLOWED_NETWORKS` only.
    """
    return urlsplit(url).scheme == "http" or is_loopback(url=url)


def is_public_https() -> bool:
    """Tell whether the Cloud may be given our addresses: notifications travel by https only."""
    return settings.PUBLIC_URL.startswith("https://")
