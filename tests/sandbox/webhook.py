"""A webhook of the service, and the sandbox's records of its calls."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.models import NotificationRecord


class Webhook:
    """A webhook that answers as the test wants and keeps what it received."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 204
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.headers.append(dict(self.headers.items()))
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(outer.status)
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def records(count: int) -> list[NotificationRecord]:
    """Wait for exactly this many records and return them."""
    until = time.monotonic() + 30
    while NotificationRecord.objects.count() < count and time.monotonic() < until:
        time.sleep(0.02)
    found = list(NotificationRecord.objects.all())
    assert len(found) == count
    return found
