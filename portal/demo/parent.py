"""Is `make`, which started the demo, gone or on its way out."""

import os
import signal
from pathlib import Path

# Make blocks signals for moments in its own work; only a state that stays says that it is ending.
LOOKS = 5


class Parent:
    """The `make` that waits for this process, or nobody."""

    def __init__(self) -> None:
        self._pid = os.getppid() if os.environ.get("MAKELEVEL") else None
        self._seen_count = 0

    def has_left(self) -> bool:
        """Tell whether make died, or was interrupted alone: it passes no interrupt on, it waits for us."""
        if self._pid is None:
            return False
        if os.getppid() != self._pid:
            return True
        self._seen_count = self._seen_count + 1 if _is_interrupted(self._pid) else 0
        return self._seen_count >= LOOKS


def _is_interrupted(pid: int) -> bool:
    """While a process is inside its handler of SIGINT, the kernel lists that signal as blocked."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    blocked = next((line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:")), "0")
    return bool(int(blocked, 16) & (1 << (signal.SIGINT - 1)))
