"""Decide whether the demo's shortcuts work: only under `manage.py demo`, on loopback, with sandboxes."""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from integrations.models import Service

# Any of them shows that the request came through a proxy.
PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


def is_open(request: HttpRequest) -> bool:
    """Return whether this request may use the demo's shortcuts; never outside the demo."""
    if not settings.DEMO_FILE or not settings.DEMO_SANDBOX_URL:
        return False
    # The demo has no proxy, so a request through one may come from anywhere.
    if any(name in request.headers for name in PROXY_HEADERS):
        return False
    if not (_is_loopback(_requested_host(request)) and _is_loopback(request.META.get("REMOTE_ADDR"))):
        return False
    services = Service.objects.filter(is_active=True)
    return all(
        service.is_sandbox and _is_loopback(urlsplit(service.base_url).hostname) for service in services
    )


def _requested_host(request: HttpRequest) -> str | None:
    try:
        return urlsplit(f"//{request.get_host()}").hostname
    except DisallowedHost:
        # The page that refuses such a request calls this too.
        return None


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
