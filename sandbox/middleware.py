"""Access to the sandbox, and which of the two origins a request came to."""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden

GetResponse = Callable[[HttpRequest], HttpResponse]


class LoopbackOnly:
    """Refuse other machines, and pages of other sites that call the control plane."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response
        self._networks = [*_networks(["127.0.0.0/8", "::1/128"]), *_networks(settings.ALLOW)]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self._may_call(request.META.get("REMOTE_ADDR", "")):
            return HttpResponseForbidden(
                "The sandbox answers requests from this machine only. See SANDBOX_ALLOW.\n"
            )
        if request.path.startswith("/sandbox/") and not is_own_page(request.headers.get("Origin")):
            return HttpResponseForbidden("The control plane answers pages from this machine only.\n")
        if request.META.get("SERVER_PORT") == str(settings.MEDIA_PORT):
            request.urlconf = "sandbox.media_urls"
        return self._get_response(request)

    def _may_call(self, address: str) -> bool:
        try:
            caller = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(caller in each for each in self._networks if each.version == caller.version)


def _networks(entries: Iterable[str]) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for entry in entries:
        # Anything that is not a network or an address is a host name.
        with suppress(ValueError):
            yield ipaddress.ip_network(entry, strict=False)


def is_own_page(origin: str | None) -> bool:
    """Return whether a request comes from no page, or from one on loopback or an allowed host."""
    if origin is None:
        return True
    host = urlsplit(origin).hostname or ""
    return host in {"127.0.0.1", "localhost", "::1", *settings.ALLOW} or host.endswith(".localhost")
