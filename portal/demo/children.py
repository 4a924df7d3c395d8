"""One process of the demo, in a group of its own: restarted when it dies, stopped with its children."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# Lines of the log that are shown when a process dies.
TAIL_LINES = 15
# A process that cannot start is not restarted more often.
LONGEST_PAUSE = 30.0
# A process that lived this long starts again with the shortest pause.
STABLE_SECONDS = 60.0
# What stops the demo.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Child:
    """A process that is restarted, after a growing pause, whenever it exits."""

    def __init__(
        self, *, name: str, arguments: list[str], environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.name = name
        self.log = log
        self._arguments = [sys.executable, *arguments]
        self._environment = dict(environment)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._pause = 1.0
        self._start_again_at: float | None = None

    def start(self) -> None:
        """Start the process; its output goes to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output, _signals_delayed():
            # In a group of its own: Ctrl-C reaches only the supervisor, which stops the processes in order.
            self._process = subprocess.Popen(  # noqa: S603
                self._arguments,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self._start_again_at = None

    @property
    def exit_code(self) -> int | None:
        """The exit code, None while the process runs or before it was started."""
        return self._process.poll() if self._process else None

    def tail(self) -> str:
        """Return the end of the log, indented."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
            return "\n".join(f"  | {line}" for line in lines)
        return ""

    def watch(self) -> str | None:
        """Restart the process after its pause; return a message if it has just died."""
        if self.exit_code is None:
            return None
        now = time.monotonic()
        if self._start_again_at is None:
            if now - self._started_at > STABLE_SECONDS:
                self._pause = 1.0
            self._start_again_at = now + self._pause
            message = (
                f"The {self.name} exited with code {self.exit_code} and restarts in "
                f"{self._pause:.0f} s. The end of {self.log}:\n{self.tail()}"
            )
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            # Its children must not keep the port.
            self._signal(signal.SIGKILL)
            return message
        if now >= self._start_again_at:
            self.start()
        return None

    def ask_to_end(self) -> None:
        """Send SIGTERM; the process stops its own children."""
        if self._process and self.exit_code is None:
            self._process.send_signal(signal.SIGTERM)

    def end(self, *, until: float) -> None:
        """Wait for the exit until that time, then kill what is left of the group."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=max(0.0, until - time.monotonic()))
        self._signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)

    def _signal(self, number: signal.Signals) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


@contextmanager
def _signals_delayed() -> Iterator[None]:
    """Keep signals until a process that is being started is known, and can be stopped."""
    arrived: list[int] = []
    before = {each: signal.signal(each, lambda number, frame: arrived.append(number)) for each in SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    for number in arrived:
        signal.raise_signal(number)
