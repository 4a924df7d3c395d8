"""A program that ends its parent after a silence: `silence.py PID SECONDS`, with the parent's beats as input.

It imports no Django and nothing of the portal, so that it starts at once and stays small.
"""

import os
import select
import signal
import sys
import time
from pathlib import Path

TICK_SECONDS = 1.0
# Enough to write where each thread is.
DUMP_SECONDS = 2.0


def listen(*, parent: int, limit: float) -> None:
    """Read beats until the parent ends, or end it after `limit` seconds without one."""
    silence = 0.0
    while os.getppid() == parent:
        # A tick counts once however long it took: the time of a suspended machine does not count.
        if select.select([0], [], [], TICK_SECONDS)[0]:
            if not os.read(0, 65536):
                return
            silence = 0.0
        else:
            silence = 0.0 if is_suspended(parent) else silence + TICK_SECONDS
        if silence >= limit and os.getppid() == parent:
            os.write(2, f"Process {parent} was stuck for {limit:.0f} s and is ended.\n".encode())
            os.kill(parent, signal.SIGUSR2)
            time.sleep(DUMP_SECONDS)
            os.kill(parent, signal.SIGKILL)
            return


def is_suspended(pid: int) -> bool:
    """Return whether a signal or a debugger stopped the process; False where the system does not say."""
    try:
        # The name in brackets may contain brackets itself.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "tT"
    except (OSError, UnicodeDecodeError, IndexError):
        return False


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # They are for the parent, which may still need its time to stop.
        signal.signal(number, signal.SIG_IGN)
    listen(parent=int(sys.argv[1]), limit=float(sys.argv[2]))
