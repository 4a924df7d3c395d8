"""The watchdog restarts a worker that hangs: rows are due, but it leases none and acquires none."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings

from background.dispatcher import has_due_rows
from background.leases import has_leases, last_acquired

# Short compared with the time after which a worker counts as stalled.
CHECK_SECONDS = 5.0
# A lost message is sent again after NUDGE_SECONDS; restarting before that would not help.
BEYOND_NUDGE_SECONDS = 15.0
# EX_TEMPFAIL: the supervisor starts the worker again.
EXIT_STALLED = 75


@dataclass
class Watchdog:
    """Watches this process; `has_free_slot` returns whether it could take one more row now."""

    has_free_slot: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic
    stall_seconds: float = field(default_factory=lambda: settings.NUDGE_SECONDS + BEYOND_NUDGE_SECONDS)
    _idle_since: float | None = None
    _acquired: float | None = None

    def is_stalled(self) -> bool:
        """Check once; True if every check of the last `stall_seconds` found due rows and no progress."""
        acquired = last_acquired()
        moved, self._acquired = acquired != self._acquired, acquired
        # Leased work ends at its deadline; a restart before that could break off the delivery of a report.
        if moved or has_leases() or not self.has_free_slot() or not self._sees_work():
            self._idle_since = None
            return False
        if self._idle_since is None:
            self._idle_since = self.clock()
        return self.clock() - self._idle_since >= self.stall_seconds

    def _sees_work(self) -> bool:
        try:
            return has_due_rows()
        except Exception:
            # Without a database no worker makes progress, and a restart would not help.
            self._idle_since = None
            raise
