"""Start the demo's processes, wait until they answer, keep them running, and stop them all."""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from portal.demo.children import SIGNALS, Child
from portal.demo.parent import Parent

# More than the worker takes to stop: it gives running work eight seconds.
STOP_SECONDS = 12.0
# How often processes are checked.
CHECK_SECONDS = 0.2


class DemoProblem(Exception):
    """The demo cannot continue; the message gives the reason."""


class TooSlow(DemoProblem):
    """Something took too long; everything still runs."""


class Stopped(Exception):
    """Somebody stopped the demo."""


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Lock the demo's folder; raises DemoProblem while another demo uses it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DemoProblem(
                f"A demo is already running in {path.parent}. Stop it with Ctrl-C first."
            ) from error
        yield


class Supervisor:
    """The processes of the demo, in the order in which they were started."""

    def __init__(self, *, folder: Path, logs: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._logs = logs
        self._say = say
        self._children: list[Child] = []
        self._parent = Parent()

    def start(self, *, name: str, arguments: list[str], environment: Mapping[str, str]) -> Child:
        """Start another process."""
        child = Child(
            name=name,
            arguments=arguments,
            environment=environment,
            folder=self._folder,
            log=self._logs / f"{name}.log",
        )
        self._children.append(child)
        child.start()
        return child

    def wait_for(self, condition: Callable[[], Any], *, what: str, seconds: float) -> None:
        """Wait until `condition` is true; raises DemoProblem when a process dies, TooSlow when time is up."""
        until = time.monotonic() + seconds
        while not condition():
            for child in self._children:
                if child.exit_code is not None:
                    raise DemoProblem(
                        f"The {child.name} exited with code {child.exit_code}. "
                        f"The end of {child.log}:\n{child.tail()}"
                    )
            if time.monotonic() > until:
                raise TooSlow(f"{what} took longer than {seconds:.0f} s. See the logs in {self._logs}.")
            self._pause()

    def watch(self) -> None:
        """Keep the processes running until Stopped is raised."""
        while True:
            for child in self._children:
                message = child.watch()
                if message:
                    self._say(message)
            self._pause()

    def _pause(self) -> None:
        if self._parent.has_left():
            raise Stopped
        time.sleep(CHECK_SECONDS)

    def stop(self) -> None:
        """Stop every process, the newest first."""
        with _signals_ignored():
            for child in reversed(self._children):
                child.ask_to_end()
            until = time.monotonic() + STOP_SECONDS
            for child in reversed(self._children):
                child.end(until=until)


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Ignore signals for a while, so that a second Ctrl-C leaves no process behind."""
    before = {name: signal.signal(name, signal.SIG_IGN) for name in SIGNALS}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def answers(url: str) -> bool:
    """Return whether a web server answers at this local address."""
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except HTTPError:
        return True
    except (URLError, OSError):
        return False


def stop_on_signals() -> None:
    """Raise Stopped on Ctrl-C, SIGTERM and a closed terminal."""

    def stop(number: int, frame: object) -> None:
        for name in SIGNALS:
            signal.signal(name, signal.SIG_IGN)
        raise Stopped

    for name in SIGNALS:
        signal.signal(name, stop)


def web_arguments(*, port: int) -> list[str]:
    """Return the arguments for Python that serve the portal on a port of the loopback address."""
    return ["-m", "portal", "serve", "--port", str(port), "--workers", "1"]


def child_environment(*, is_sandbox: bool = False, **extra: str) -> dict[str, str]:
    """Return the environment of a child; the sandbox gets none of the portal's secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
    inherited = {name: value for name, value in os.environ.items() if not is_sandbox or name in kept}
    return {**inherited, "PYTHONUNBUFFERED": "1", **extra}
