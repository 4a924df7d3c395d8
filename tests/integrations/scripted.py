"""A Clarius Cloud that a test scripts: for races and answers that no real server gives on demand."""

import json
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

ROOT = "/api/public/v0/"
Answer = tuple[int, Any]


class ScriptedCloud:
    """Keeps keys, tokens and settings; `script` replaces the usual answer."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.tokens: set[str] = set()
        self.settings = {"notification_url": "", "token_transfer_url": ""}
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.scripts: dict[tuple[str, str], Callable[[], Answer | None]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def new_key(self) -> str:
        """Return a key that is accepted from now on."""
        key = f"{secrets.token_hex(4)}.{secrets.token_hex(16)}"
        self.keys.add(key)
        return key

    def script(self, method: str, path: str, answer: Callable[[], Answer | None]) -> None:
        """Let `answer` decide calls of this path; None means the usual answer, an exception cuts the line."""
        self.scripts[(method, path)] = answer

    def count(self, method: str, path: str) -> int:
        """Return how often a path was called."""
        return self.calls.count((method, path))

    def answer(self, method: str, path: str, key: str, body: Any) -> Answer:
        """Return status and body of one call."""
        self.calls.append((method, path))
        if body is not None:
            self.bodies.append(body)
        scripted = self.scripts.get((method, path), lambda: None)()
        if scripted is not None:
            return scripted
        if key not in self.keys:
            return 403, {"detail": "Authentication credentials were not provided."}
        if path == "services/settings/":
            self.settings.update(body or {})
            return 200, self.settings
        if path == "services/customer-confirmations/":
            return (200, {}) if body["token"] in self.tokens else (404, {"detail": "Not found."})
        return 404, {"detail": "Not found."}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                key = self.headers.get("Authorization", "").removeprefix("Service-API-Key ")
                try:
                    status, answer = cloud.answer(self.command, self.path.removeprefix(ROOT), key, body)
                except ConnectionError:
                    self.connection.close()
                    return
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

            def log_message(self, *args: object) -> None:
                pass

        return Handler
