"""What this process has done lately: it is alive when it acquires rows, not when it merely runs."""

import time

_last_acquired: float | None = None


def note_acquired() -> None:
    """Remember that this process acquired a row just now."""
    global _last_acquired
    _last_acquired = time.monotonic()


def last_acquired() -> float | None:
    """Return when a row was last acquired (seconds, monotonic clock), or None."""
    return _last_acquired
