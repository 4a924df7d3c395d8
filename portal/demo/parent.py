"""Watch the `make` that started the demo: the demo stops with it."""

import os
import signal
from pathlib import Path

# Make also blocks signals for moments during its work. Only a lasting state means that it is exiting.
CHECKS = 5


class Parent:
    """The `make` that waits for this process, if there is one."""

    def __init__(self) -> None:
        self._pid = os.getppid() if os.environ.get("MAKELEVEL") else None
        self._seen_count = 0

    def has_left(self) -> bool:
        """Return whether make died or was interrupted; make itself passes no interrupts on."""
        if self._pid is None:
            return False
        if os.getppid() != self._pid:
            return True
        self._seen_count = self._seen_count + 1 if _is_interrupted(self._pid) else 0
        return self._seen_count >= CHECKS


def _is_interrupted(pid: int) -> bool:
    """Return whether the process is in its SIGINT handler: meanwhile the kernel lists SIGINT as blocked."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    blocked = next((line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:")), "0")
    return bool(int(blocked, 16) & (1 << (signal.SIGINT - 1)))
