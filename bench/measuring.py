"""Resource use of a process: seconds, processor time, and the growth of its memory at the peak."""

import resource
import time
from pathlib import Path
from typing import Self


def _status(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


class Usage:
    """A context that counts what happens inside it."""

    seconds = 0.0
    cpu_seconds = 0.0
    memory_mb = 0.0

    def __enter__(self) -> Self:
        # This write resets the peak.
        Path("/proc/self/clear_refs").write_text("5")
        self._memory = _status("VmRSS")
        self._cpu = self._used()
        self._began = time.monotonic()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = time.monotonic() - self._began
        self.cpu_seconds = self._used() - self._cpu
        self.memory_mb = max(0.0, _status("VmHWM") - self._memory)

    @staticmethod
    def _used() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    def facts(self) -> dict[str, float]:
        """Return the counts by name."""
        return {"seconds": self.seconds, "cpu_seconds": self.cpu_seconds, "memory_mb": self.memory_mb}


class Held:
    """A hold whose lease is never lost."""

    seconds_left = 3600.0

    def check(self) -> None:
        """Do nothing."""
