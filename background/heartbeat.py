"""Heartbeats: each process stores when it was last alive and when it last acquired a row."""

import os
import socket
import time
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from background.leases import last_acquired
from background.models import Heartbeat

# Often enough for a silence of a minute to be sure, seldom enough to cost nothing.
EVERY_SECONDS = 15.0
# Three heartbeats may be missed: a busy database may delay one.
SILENCE = timedelta(minutes=1)
# Rows of processes that ended longer ago are deleted.
KEPT = timedelta(days=1)


class Pulse:
    """Writes the heartbeat of this process."""

    def __init__(self, *, name: str) -> None:
        self.name = name
        self._beaten_at: float | None = None
        self._acquired: float | None = None

    def beat(self) -> None:
        """Write the heartbeat, at most every 15 seconds; raises DatabaseError."""
        moment = time.monotonic()
        if self._beaten_at is not None and moment - self._beaten_at < EVERY_SECONDS:
            return
        values: dict[str, Any] = {"seen_at": Now()}
        acquired = last_acquired()
        if acquired != self._acquired:
            values["acquired_at"] = Now()
        mine = {"name": self.name, "host": socket.gethostname()[:200], "pid": os.getpid()}
        if self._beaten_at is None:
            # Process ids are used again: an old row with this one belongs to another process.
            Heartbeat.objects.filter(**mine).delete()
            Heartbeat.objects.filter(seen_at__lt=Now() - KEPT).delete()
        if not Heartbeat.objects.filter(**mine).update(**values):
            Heartbeat.objects.create(**mine, **values)
        self._beaten_at, self._acquired = moment, acquired


def latest_heartbeat(*, name: str) -> Heartbeat | None:
    """Return the latest heartbeat of any process with this name, or None."""
    return Heartbeat.objects.filter(name=name).order_by("-seen_at").first()


def is_silent(beat: Heartbeat | None) -> bool:
    """Return whether the latest heartbeat is missing or too old, so that the process must have stopped."""
    return beat is None or timezone.now() - beat.seen_at > SILENCE
