"""A socket connects only to checked addresses, and no server can hold a call beyond its deadline."""

import hashlib
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integrations.clarius import MediaClient, clean_url, errors, probe_url
from integrations.clarius.keys import Secret
from integrations.clarius.transport import Transport
from tests.integrations.clarius.hostile import HOSTILE
from tests.integrations.clarius.servers import Call, Handler, serving

KEY = "Q4nmtzH5.mvIzWOlklcrFJ3iWaJTFESYCzCe8j6TQ"
LOOPBACK = ["127.0.0.0/8"]
# Nothing listens on the discard port.
PORT = 9

_opened: list[tuple[str, int]] | None = None


def _watch(event: str, details: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _opened is not None:
        _opened.append(details[1][:2])


@pytest.fixture(scope="module")
def watched() -> None:
    # An audit hook cannot be removed from the interpreter, so it checks whether a test is on.
    sys.addaudithook(_watch)


@pytest.fixture
def opened(watched: None) -> Any:
    global _opened
    _opened = []
    yield _opened
    _opened = None


def address_of(host: str, port: int) -> list[str]:
    """Give every name a loopback address of its own."""
    first, second, third = hashlib.sha256(host.encode()).digest()[:3]
    return [f"127.{first}.{second}.{third % 250 + 1}"]


def fetch(url: str, **options: Any) -> None:
    with MediaClient(max_bytes=99, **{"allowed_networks": LOOPBACK, **options}) as client:
        client.download(url, total_seconds=5, sink=lambda piece: None)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet="\\@#?/:.%[]-_aB127\t \u3002\uff0f\u00e9", max_size=24))
@example("a\\@b")
@example("a@b")
@example("ab")
@example("1.2.2.1")
@example("a:9\\@b")
@example("127.0.0.1:9#@b")
def test_a_socket_connects_to_the_host_that_was_checked(opened: Any, text: str) -> None:
    opened.clear()
    url = f"http://{text}:{PORT}/"
    with pytest.raises(errors.ClariusError) as caught:
        fetch(url, resolver=address_of)
    assert bool(opened) is not isinstance(caught.value, errors.BlockedByPolicy)
    try:
        origin = clean_url(url).origin
    except errors.BlockedByPolicy:
        assert opened == []
        return
    literal = origin.host if origin.host.startswith("127.") else None
    assert {address for address, _ in opened} <= {literal, *address_of(origin.host, origin.port)}
    assert {port for _, port in opened} <= {origin.port}


@pytest.mark.parametrize("url", HOSTILE)
def test_no_socket_is_opened_for_a_forbidden_address(opened: Any, url: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with pytest.raises(errors.BlockedByPolicy):
        fetch(url, allowed_networks=(), resolver=resolve)
    assert opened == []


def test_a_connection_that_the_system_redirects_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(host: str, port: int, *rest: Any, **options: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with serving(lambda handler, call: handler.reply(body=b"x")) as storage:
        monkeypatch.setattr(socket, "getaddrinfo", elsewhere)
        with pytest.raises(errors.BlockedByPolicy):
            fetch(f"http://127.0.0.7:{storage.port}/a")
        fetch(f"http://127.0.0.1:{storage.port}/a")
    assert len(storage.calls) == 1


def _call(url: str) -> None:
    transport = Transport(base_url=url, api_key=Secret(KEY), allowed_networks=LOOPBACK)
    transport.call("POST", f"{url}/x", payload={}, total_seconds=0.4)


@pytest.mark.parametrize(
    "call",
    [
        _call,
        lambda url: MediaClient(max_bytes=9, allowed_networks=LOOPBACK).download(
            url, total_seconds=0.4, sink=lambda piece: None
        ),
        lambda url: probe_url(url, allowed_networks=LOOPBACK, total_seconds=0.4),
    ],
    ids=["api", "media", "probe"],
)
def test_slow_headers_end_at_the_deadline(call: Callable[[str], object]) -> None:
    said_everything = threading.Event()

    def drip(handler: Handler, call: Call) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(160):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
        said_everything.set()

    with serving(drip) as server, pytest.raises(errors.Timeout):
        call(server.url)
    assert not said_everything.is_set()


def test_a_body_below_the_minimum_rate_is_abandoned_before_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("integrations.clarius.deadlines.GRACE_SECONDS", 0.1)

    def drip(handler: Handler, call: Call) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
        for _ in range(60):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.08)

    with serving(drip) as storage, pytest.raises(errors.Timeout, match="slowly"):
        fetch(f"{storage.url}/a")
