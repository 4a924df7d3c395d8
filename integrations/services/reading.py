"""Shared by the syncs: progress for the pages, implausible answers, and JSON that can be stored."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from background.leases import Hold
from integrations.models import Service, Sync

# Levels of nesting that are kept; what the Cloud documents has three.
DEEPEST = 40
# The largest number that the column can hold.
LARGEST_COUNT = 2**31 - 1


class ImplausibleAnswer(Exception):
    """The answer is empty or partial where it should not be; the message is one sentence for the reader."""


@dataclass(frozen=True)
class Reading:
    """One sync in progress."""

    service: Service
    sync: Sync
    hold: Hold
    started_at: datetime

    def show_progress(self, *, seen: int, expected: int | None = None) -> None:
        """Store how much was read; raises LeaseLost and DeadlineExceeded."""
        self.hold.check()
        counts = {"seen_count": seen, "expected_count": expected and min(expected, LARGEST_COUNT)}
        with self.hold.step():
            Sync.objects.filter(pk=self.sync.pk).update(**counts)


def storable(value: Any, depth: int = DEEPEST) -> Any:
    """Return a JSON value as every database stores it: without NULs, half characters and endless nesting."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if depth <= 0 and isinstance(value, dict | list):
        return "…"
    if isinstance(value, dict):
        return {storable(str(name)): storable(each, depth - 1) for name, each in value.items()}
    if isinstance(value, list):
        return [storable(each, depth - 1) for each in value]
    return value


def is_exact(value: Any) -> bool:
    """Tell whether a JSON value can be stored and sent again unchanged."""
    if storable(value) != value:
        return False
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        # The number was too large and became an infinity, which JSON cannot express.
        return False
    return True
