"""Small servers on loopback that answer with a test's function and keep the requests."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Call:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Canary:
    """The port of a server and every call that it received."""

    port: int
    calls: list[Call] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Answer = Callable[["Handler", Call], None]


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the test's function."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Answer
    canary: Canary

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if self.reads_body else b""
        call = Call(self.command, self.path, dict(self.headers.items()), body)
        self.canary.calls.append(call)
        type(self).answer(self, call)

    reads_body = True
    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    def reply(self, status: int = 200, body: Any = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def raw(self, data: bytes) -> None:
        """Write bytes as they are and close."""
        self.wfile.write(data)
        self.wfile.flush()
        self.hang_up()

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def serving(
    answer: Answer, *, reads_body: bool = True, tls: ssl.SSLContext | None = None
) -> Iterator[Canary]:
    """Run a server whose requests go to `answer`, by TLS if a context is given."""
    canary = Canary(port=0)
    kind = type("TestHandler", (Handler,), {"answer": answer, "canary": canary, "reads_body": reads_body})
    server = _Server(("127.0.0.1", 0), kind)
    if tls is not None:
        # The handshake runs in the handler's thread: a client that breaks it off must not stop the server.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    canary.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield canary
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
