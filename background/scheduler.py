"""The clock of the background: a beat scheduler that dispatches due rows each second."""

import logging
from typing import Any

from celery.beat import Scheduler
from django.db import close_old_connections

from background.dispatcher import nudge_due
from background.heartbeat import Pulse
from background.models import Heartbeat

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
TICK_SECONDS_IN_TROUBLE = 5.0


class DispatchScheduler(Scheduler):
    """Dispatches in the beat process itself; a dispatching task would wait behind its own messages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._pulse = Pulse(name=Heartbeat.Name.BEAT)
        self._is_in_trouble = False
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Keep no schedule: every due time is a column of a row."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Dispatch once and return the seconds until the next look."""
        close_old_connections()
        try:
            nudge_due()
            self._pulse.beat()
        except Exception as error:
            # Whatever happened (the database is away, a table not migrated yet), the next tick may do better.
            if not self._is_in_trouble:
                logger.warning("Cannot dispatch: %s", type(error).__name__)
            self._is_in_trouble = True
            return TICK_SECONDS_IN_TROUBLE
        if self._is_in_trouble:
            logger.info("Dispatching again.")
        self._is_in_trouble = False
        return TICK_SECONDS
