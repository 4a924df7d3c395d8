"""Downloading captures: no key, checked redirects, and no cut file taken for a whole one."""

import hashlib
import threading
import time
from collections.abc import Callable

import pytest

from integrations.clarius import MediaClient, errors
from tests.integrations.clarius.servers import Call, Handler, serving

LOOPBACK = ["127.0.0.1/32"]
BODY = bytes(range(256)) * 20_000


def fetch(url: str, *, max_bytes: int = 1 << 30, total_seconds: float = 30, **options: object) -> bytes:
    parts: list[bytes] = []
    with MediaClient(max_bytes=max_bytes, allowed_networks=LOOPBACK, **options) as client:
        client.download(url, total_seconds=total_seconds, sink=parts.append)
    return b"".join(parts)


def test_a_file_arrives_whole_in_pieces_and_its_length_is_verified() -> None:
    sizes: list[int] = []
    digest = hashlib.sha256()

    def sink(piece: bytes) -> None:
        sizes.append(len(piece))
        digest.update(piece)

    steps: list[None] = []
    with serving(lambda handler, call: handler.reply(body=BODY, Content_Type="image/png")) as storage:
        with MediaClient(max_bytes=1 << 30, allowed_networks=LOOPBACK) as client:
            got = client.download(
                f"{storage.url}/a", total_seconds=9, sink=sink, on_progress=lambda: steps.append(None)
            )
    assert (got.size, got.content_type, got.is_length_verified) == (len(BODY), "image/png", True)
    assert digest.digest() == hashlib.sha256(BODY).digest()
    assert max(sizes) <= 1 << 20
    assert len(steps) == len(sizes)


def test_media_servers_get_no_key_no_cookie_and_no_netrc(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = f"{tmp_path}/.netrc"
    with open(netrc, "w") as file:
        file.write("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", netrc)
    with serving(lambda handler, call: handler.reply(body=b"x", Set_Cookie="a=b; Path=/")) as storage:
        with MediaClient(max_bytes=9, allowed_networks=LOOPBACK) as client:
            for _ in range(2):
                client.download(f"{storage.url}/a", total_seconds=9, sink=lambda piece: None)
    for call in storage.calls:
        assert not {"authorization", "cookie"} & {name.lower() for name in call.headers}
        assert call.headers["Accept-Encoding"] == "identity"


def test_no_proxy_is_used_and_no_cookie_is_kept_between_redirects(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(handler: Handler, call: Call) -> None:
        if call.path == "/b":
            handler.reply(body=b"x")
        else:
            handler.reply(302, Location="/b", Set_Cookie="a=b; Path=/")

    with serving(answer) as storage, serving(answer) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert fetch(f"{storage.url}/a") == b"x"
    assert [call.path for call in storage.calls] == ["/a", "/b"]
    assert proxy.calls == []
    for call in storage.calls:
        assert call.headers["Host"] == storage.url.removeprefix("http://")
        assert "cookie" not in {name.lower() for name in call.headers}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_an_expired_link_needs_a_new_one(status: int) -> None:
    with serving(lambda handler, call: handler.reply(status, b"<Error/>")) as storage:
        with pytest.raises(errors.LinkDead) as caught:
            fetch(f"{storage.url}/a?signature=abc")
    assert "abc" not in f"{caught.value!r}{caught.value.detail}"


@pytest.mark.parametrize(
    ("status", "kind"), [(429, errors.Throttled), (503, errors.ServerError), (206, errors.ProtocolError)]
)
def test_other_statuses_become_different_errors(status: int, kind: type[errors.ClariusError]) -> None:
    with serving(lambda handler, call: handler.reply(status, b"x")) as storage, pytest.raises(kind):
        fetch(f"{storage.url}/a")


CUTS: dict[str, Callable[[Handler], None]] = {
    "length": lambda h: h.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500),
    "chunked": lambda h: h.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 500),
    "chunk missing": lambda h: h.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
    "headers": lambda h: h.raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
}


@pytest.mark.parametrize("name", sorted(CUTS))
def test_a_cut_body_is_never_a_file(name: str) -> None:
    with serving(lambda handler, call: CUTS[name](handler)) as storage:
        with pytest.raises((errors.Truncated, errors.Unreachable)) as caught:
            fetch(f"{storage.url}/a")
    assert caught.value.retryable


def test_a_body_without_any_length_is_marked_as_unverified() -> None:
    with serving(lambda h, call: h.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf")) as storage:
        with MediaClient(max_bytes=99, allowed_networks=LOOPBACK) as client:
            got = client.download(f"{storage.url}/a", total_seconds=9, sink=lambda piece: None)
    assert not got.is_length_verified


def test_files_over_the_limit_are_refused_with_or_without_an_announced_length() -> None:
    def endless(handler: Handler, call: Call) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        handler.close_connection = True
        while True:
            handler.wfile.write(b"x" * 10_000)

    with serving(lambda handler, call: handler.reply(body=BODY)) as honest, serving(endless) as liar:
        for storage in (honest, liar):
            with pytest.raises(errors.TooLarge):
                fetch(f"{storage.url}/a", max_bytes=100_000)


def test_a_slow_file_ends_at_the_deadline() -> None:
    def drip(handler: Handler, call: Call) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)

    with serving(drip) as storage, pytest.raises(errors.Timeout):
        fetch(f"{storage.url}/a", total_seconds=0.4)


def test_a_compressed_file_is_refused() -> None:
    with serving(lambda handler, call: handler.reply(body=b"x", Content_Encoding="gzip")) as storage:
        with pytest.raises(errors.ProtocolError):
            fetch(f"{storage.url}/a")


def test_the_progress_callback_can_stop_a_download() -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    with serving(lambda handler, call: handler.reply(body=BODY)) as storage:
        with MediaClient(max_bytes=1 << 30, allowed_networks=LOOPBACK) as client:
            with pytest.raises(Stop):
                client.download(
                    f"{storage.url}/a", total_seconds=9, sink=lambda piece: None, on_progress=stop
                )


def test_up_to_three_redirects_are_followed_and_no_more() -> None:
    def hop(handler: Handler, call: Call) -> None:
        left = int(call.path.rsplit("/", 1)[1])
        if left:
            handler.reply(302, Location=f"/hop/{left - 1}")
        else:
            handler.reply(body=b"here")

    with serving(hop) as storage:
        assert fetch(f"{storage.url}/hop/3") == b"here"
        with pytest.raises(errors.ProtocolError):
            fetch(f"{storage.url}/hop/4")


@pytest.mark.parametrize(
    "target",
    [
        "http://10.0.0.1/x",
        "https://169.254.169.254/latest/meta-data/",
        "http://[::1]/x",
        "https://[fd00:ec2::254]/x",
        "https://2130706433/x",
        "//10.0.0.1/x",
        "https://user@93.184.215.14/x",
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "",
    ],
)
def test_a_redirect_is_checked_like_the_first_address(target: str) -> None:
    with serving(lambda handler, call: handler.reply(302, Location=target)) as storage:
        with pytest.raises(errors.BlockedByPolicy):
            fetch(f"{storage.url}/a")
    assert len(storage.calls) == 1


def test_a_name_is_resolved_once_and_its_checked_address_is_called() -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked: list[str] = []

    def rebind(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    with serving(lambda handler, call: handler.reply(body=b"x")) as storage:
        assert fetch(f"http://storage.example:{storage.port}/a", resolver=rebind) == b"x"
    assert asked == ["storage.example"]
    assert storage.calls[0].headers["Host"] == f"storage.example:{storage.port}"


def test_the_next_address_is_tried_when_one_accepts_no_connections() -> None:
    def two(host: str, port: int) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]

    with serving(lambda handler, call: handler.reply(body=b"x")) as storage:
        parts: list[bytes] = []
        networks = ["127.0.0.0/8"]
        with MediaClient(max_bytes=9, allowed_networks=networks, resolver=two) as client:
            client.download(f"http://storage.example:{storage.port}/a", total_seconds=9, sink=parts.append)
    assert parts == [b"x"]


def test_parallel_downloads_have_clients_of_their_own() -> None:
    results: list[bytes] = []
    with serving(lambda handler, call: handler.reply(body=call.path.encode() * 1000)) as storage:
        threads = [
            threading.Thread(target=lambda n=n: results.append(fetch(f"{storage.url}/{n}")))  # type: ignore[misc]
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == sorted(f"/{n}".encode() * 1000 for n in range(8))


def test_a_kept_connection_serves_the_next_file_and_a_closed_one_is_replaced() -> None:
    """Storage servers close idle connections silently."""
    peers: list[int] = []

    def answer(handler: Handler, call: Call) -> None:
        peers.append(handler.client_address[1])
        handler.reply(body=call.path.encode())
        if call.path == "/2":
            # No "Connection: close": the client cannot know.
            handler.hang_up()

    with serving(answer) as storage:
        with MediaClient(max_bytes=99, allowed_networks=LOOPBACK) as client:
            parts: list[bytes] = []
            for number in (1, 2, 3, 4):
                client.download(f"{storage.url}/{number}", total_seconds=9, sink=parts.append)
    assert parts == [b"/1", b"/2", b"/3", b"/4"]
    assert peers[0] == peers[1] != peers[2] == peers[3]


def test_a_kept_connection_that_breaks_during_a_request_is_replaced_once() -> None:
    peers: list[int] = []

    def answer(handler: Handler, call: Call) -> None:
        peers.append(handler.client_address[1])
        if call.path == "/never" or peers.count(peers[-1]) == 2:
            handler.hang_up()
            return
        handler.reply(body=b"x")

    with serving(answer) as storage:
        with MediaClient(max_bytes=99, allowed_networks=LOOPBACK) as client:
            parts: list[bytes] = []
            for _ in range(2):
                client.download(f"{storage.url}/a", total_seconds=9, sink=parts.append)
            assert (parts, len(peers)) == ([b"x", b"x"], 3)
            with pytest.raises(errors.Unreachable):
                client.download(f"{storage.url}/never", total_seconds=9, sink=parts.append)
    assert len(peers) == 5
