"""Connect to an address that was checked, under the requested host name.

A name is resolved once for each request and the socket connects to one of the checked addresses, so a second
answer of the resolver changes nothing. TLS still verifies the certificate for the name.
"""

import http.cookiejar
import ipaddress
from collections.abc import Mapping
from typing import Any, ClassVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError

from integrations.clarius.deadlines import READ_SECONDS, BoundResponse
from integrations.clarius.egress import Origin, Policy, clean_url
from integrations.clarius.errors import BlockedByPolicy, Unreachable

# Bytes of a body sent at a time. The default of 16 KiB more than halves the speed; a larger block may not
# leave within a socket's timeout on a slow line.
SEND_BLOCK = 1 << 18


class _Peer:
    """Added to both kinds of connection: verify the peer's address, and keep the call's deadline."""

    host: str
    sock: Any
    response_class: ClassVar[Any] = BoundResponse

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        peer = ipaddress.ip_address(self.sock.getpeername()[0])
        if peer != ipaddress.ip_address(self.host.strip("[]")):
            self.close()  # type: ignore[attr-defined]
            raise BlockedByPolicy("The connection reached another address than the one that was checked.")
        # So far it was the timeout for connecting, too short for a block of a report on a slow line.
        self.sock.settimeout(READ_SECONDS)


class _PlainConnection(_Peer, HTTPConnection):
    pass


class _TlsConnection(_Peer, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class PinnedAdapter(HTTPAdapter):
    """Opens connections to checked addresses only, never through a proxy, always verifying TLS.

    Not for several threads at a time: the address belongs to the request under way.
    """

    def __init__(self, *, policy: Policy) -> None:
        self._policy = policy
        self._pinned: tuple[Origin, str] | None = None
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, blocksize=SEND_BLOCK)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def authorise(self, request: requests.PreparedRequest, origin: Origin) -> None:
        """Add headers that only the right server may see; called after the address was checked."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Check the prepared URL, then send it to one of its checked addresses.

        Raises BlockedByPolicy before anything is sent, Unreachable when the name has no address.
        """
        url = clean_url(request.url or "")
        addresses = self._policy.addresses(url.origin)
        request.url = url.text
        self.authorise(request, url.origin)
        for address in addresses:
            self._pinned = (url.origin, address)
            try:
                return super().send(
                    request, stream=stream, timeout=timeout, verify=True, cert=None, proxies=None
                )
            except requests.ConnectionError as error:
                if not never_connected(error):
                    raise
        raise Unreachable("The server does not take connections.")

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        """Give the pinned address to the pool and the host name to TLS."""
        host, keys = super().build_connection_pool_key_attributes(request, True, None)
        origin, address = self._pin()
        is_tls = origin.scheme == "https"
        names = {"assert_hostname": origin.host, "server_hostname": origin.host} if is_tls else {}
        return {**host, "host": address, "port": origin.port}, {**keys, **names}

    def add_headers(self, request: requests.PreparedRequest, **kwargs: Any) -> None:
        """Send the requested host name, since the connection only knows an address."""
        request.headers["Host"] = str(self._pin()[0]).split("://", 1)[1]

    def _pin(self) -> tuple[Origin, str]:
        if self._pinned is None:
            raise Unreachable("No address was checked.")
        return self._pinned


def never_connected(error: requests.RequestException) -> bool:
    """Tell whether a connection was refused or timed out, so that nothing was sent."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = error.args[0] if error.args else None
    return isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)


class _NoCookies(http.cookiejar.DefaultCookiePolicy):
    def set_ok(self, cookie: Any, request: Any) -> bool:
        return False

    def return_ok(self, cookie: Any, request: Any) -> bool:
        return False


def pinned_session(*, adapter: PinnedAdapter) -> requests.Session:
    """Return a session without proxies, netrc and cookies."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(_NoCookies())
    session.headers.clear()
    session.adapters.clear()
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session
