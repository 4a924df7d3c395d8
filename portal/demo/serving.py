"""How the pages are served."""

# A thread is held for as long as somebody takes to read a file or to send a body, and costs little while it
# waits. Half a hundred clients on bad lines must leave some for everybody else.
THREADS = 64


def web_arguments(*, port: int) -> list[str]:
    """Return the arguments for Python that start granian on a port of the loopback address."""
    granian = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    return [*granian, "--blocking-threads", str(THREADS), "--no-ws", "portal.wsgi:application"]
