"""The network address of a client, as reported by the trusted proxies, and the network that limits count."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# One customer of a provider has at least this network, and can use every address in it.
IPV6_PREFIX = 64


def client_address(request: HttpRequest) -> str | None:
    """Return the client's network address, or None when it is not one."""
    trusted = settings.TRUSTED_PROXY_COUNT
    candidate = request.META.get("REMOTE_ADDR", "")
    if trusted > 0:
        # Each trusted proxy appends the peer it saw; anything further left was written by the client.
        hops = [hop for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        if len(hops) >= trusted:
            candidate = hops[-trusted]
    return _parsed(candidate.strip())


def client_network(request: HttpRequest) -> str:
    """Return what a limit counts as one client: an IPv4 address or an IPv6 network; "" if it is unknown."""
    address = client_address(request)
    if address is None or ":" not in address:
        return address or ""
    return str(ipaddress.ip_network(f"{address}/{IPV6_PREFIX}", strict=False).network_address)


def _parsed(text: str) -> str | None:
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    # A server that listens on IPv6 sees IPv4 clients so; as IPv6, all of them would be one network.
    return str(getattr(address, "ipv4_mapped", None) or address)
