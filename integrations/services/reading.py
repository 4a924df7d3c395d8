"""What the readers of the mirrors share: progress that pages show, and answers that are not believed."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from background.leases import Hold
from integrations.models import Service, Sync

DEEPEST = 40
LARGEST_COUNT = 2**31 - 1


class NotBelievable(Exception):
    """The answer is empty or partial where it should not be; the message is one sentence for the reader."""


@dataclass(frozen=True)
class Reading:
    """One reading under way."""

    service: Service
    mirror: Sync
    held: Hold
    started_at: datetime

    def note(self, *, seen: int, expected: int | None = None) -> None:
        """Show how far it came; raises LeaseLost and DeadlineExceeded."""
        self.held.check()
        counts = {"seen_count": seen, "expected_count": expected and min(expected, LARGEST_COUNT)}
        with self.held.step():
            Sync.objects.filter(pk=self.mirror.pk).update(**counts)


def storable(value: Any, depth: int = DEEPEST) -> Any:
    """Return a JSON value as every database stores it: no NUL, no half characters, not endlessly deep."""
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
    """Tell whether a JSON value is stored, and could be sent again, as it is."""
    if storable(value) != value:
        return False
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        # An infinity: the number was too large, and as JSON it would be no number at all.
        return False
    return True
