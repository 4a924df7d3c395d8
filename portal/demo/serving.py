"""Arguments of the demo's web server."""

# A thread is busy for as long as a client takes to read a file or send a body, and costs little meanwhile.
# Fifty clients on slow lines must leave threads for everybody else.
THREADS = 64


def web_arguments(*, port: int) -> list[str]:
    """Return the arguments for Python that start granian on a port of the loopback address."""
    granian = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    return [*granian, "--blocking-threads", str(THREADS), "--no-ws", "portal.wsgi:application"]
