"""A worker that runs but does nothing is restarted: rows due, nothing held and nothing acquired."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings

from background.dispatcher import has_due_rows
from background.leases import holds_any
from background.progress import last_acquired

CHECK_SECONDS = 5.0
# A lost message is sent again after NUDGE_SECONDS; a restart before that could not be quicker.
BEYOND_NUDGE_SECONDS = 15.0
EXIT_STALLED = 75


@dataclass
class Watchdog:
    """Judges this process; `has_free_slot` says whether it could take one more row now."""

    has_free_slot: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic
    stall_seconds: float = field(default_factory=lambda: settings.NUDGE_SECONDS + BEYOND_NUDGE_SECONDS)
    _idle_since: float | None = None
    _acquired: float | None = None

    def is_stalled(self) -> bool:
        """Look once; True when every look of the last `stall_seconds` found work and no progress."""
        acquired = last_acquired()
        moved, self._acquired = acquired != self._acquired, acquired
        # What is held ends at its deadline; a restart before that would spoil a report that is being sent.
        if moved or holds_any() or not self.has_free_slot() or not self._sees_work():
            self._idle_since = None
            return False
        if self._idle_since is None:
            self._idle_since = self.clock()
        return self.clock() - self._idle_since >= self.stall_seconds

    def _sees_work(self) -> bool:
        try:
            return has_due_rows()
        except Exception:
            # Without a database nobody can make progress, and a restart would not help.
            self._idle_since = None
            raise
