"""The progress of this process: it is alive if it acquires rows, not merely if it runs."""

import time

_last_acquired: float | None = None


def note_acquired() -> None:
    """Remember that this process just acquired a row."""
    global _last_acquired
    _last_acquired = time.monotonic()


def last_acquired() -> float | None:
    """Return when this process last acquired a row, in seconds of the monotonic clock, or None."""
    return _last_acquired
