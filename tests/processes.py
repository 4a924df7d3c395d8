"""Processes that tests start: on free ports, in their own groups, and ended with the test."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self, TypeVar

ROOT = Path(__file__).parents[1]
Found = TypeVar("Found")


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that are free at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def wait_for(
    condition: Callable[[], Found], *, what: str = "It", seconds: float = 60, every: float = 0.1
) -> Found:
    """Return the first true answer of `condition`; raises AssertionError if there is none in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise AssertionError(f"{what} did not happen in {seconds:.0f} s.")


def processes_with(text: str) -> list[int]:
    """Return every living process that has this text in its environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            has_it = text.encode() in (entry / "environ").read_bytes()
            is_dead = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue
        if has_it and not is_dead:
            found.append(int(entry.name))
    return found


class Guard:
    """A shell that runs a command when the process that created it has ended, however it ended."""

    def __init__(self, command: str, *arguments: str) -> None:
        # It reads from a pipe without input: the system closes the other end even after a SIGKILL.
        self._shell = subprocess.Popen(
            ["sh", "-c", f"read -r _; {command}", "guard", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @classmethod
    def of_group(cls, pid: int) -> Self:
        """Kill the whole group of this process when the tests have ended."""
        return cls('kill -s KILL -- "-$1"', str(pid))

    def release(self) -> None:
        """Cancel the command; can be called twice."""
        self._shell.kill()
        self._shell.communicate()


class Process:
    """A process in its own group that ends with the tests; its output goes to a file."""

    def __init__(
        self,
        *arguments: str,
        log: Path,
        environment: Mapping[str, str],
        program: str = sys.executable,
        folder: Path = ROOT,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [program, *arguments],
                cwd=folder,
                env={"PYTHONUNBUFFERED": "1", "PATH": os.environ["PATH"], **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._guard = Guard.of_group(self.pid)

    @property
    def output(self) -> str:
        """Everything the process has printed so far."""
        return self.log.read_text(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def wait_for_line(self, text: str, *, seconds: float = 90) -> None:
        """Wait until `text` was printed; raises AssertionError with the log if the process ends first."""

        def is_there() -> bool:
            if text in self.output:
                return True
            assert self.exit_code is None, (
                f"Ended with {self.exit_code} before {text!r}:\n{self.output[-3000:]}"
            )
            return False

        wait_for(is_there, what=f"{text!r} in the output", seconds=seconds)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process only."""
        self._process.send_signal(number)

    def send_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def wait(self, *, seconds: float = 30) -> int:
        """Wait for the end and return the exit code."""
        return self._process.wait(timeout=seconds)

    def kill(self) -> None:
        """End the whole group at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        # Now, since the process id may be used again later.
        self._guard.release()
        self._process.wait(timeout=10)

    def stop(self, *, seconds: float = 20) -> None:
        """Ask the process to end, and end its group if it does not."""
        if self.exit_code is None:
            self.send(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(seconds=seconds)
        self.kill()
