"""Serve both origins in one process with threads; a request can cut its own connection."""

import threading
from typing import Any
from wsgiref.types import WSGIApplication

from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler


class PortTaken(Exception):
    """Another program listens on the port."""


class _RequestHandler(WSGIRequestHandler):
    # Head and body are written separately; waiting for an acknowledgement in between costs 40 ms a call.
    disable_nagle_algorithm = True

    def get_environ(self) -> dict[str, Any]:
        return {**super().get_environ(), "sandbox.connection": self.connection}

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: paths and queries may contain tokens, and the sandbox logs calls itself."""


class _Server(ThreadedWSGIServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: cut connections are intended."""


def bind(port: int, application: WSGIApplication) -> _Server:
    """Listen on a port; raises PortTaken."""
    try:
        server = _Server((settings.BIND, port), _RequestHandler)
    except OSError as error:
        raise PortTaken(f"Port {port} is taken by another process.") from error
    server.set_app(application)
    return server


def serve(servers: list[_Server], until: threading.Event) -> None:
    """Serve until the event is set, then close."""
    threads = [threading.Thread(target=each.serve_forever, args=(0.1,), daemon=True) for each in servers]
    for thread in threads:
        thread.start()
    until.wait()
    for server in servers:
        server.shutdown()
        server.server_close()
