"""A beat scheduler that announces due rows every second."""

import logging
from typing import Any

from celery.beat import Scheduler
from django.db import close_old_connections

from background.dispatcher import nudge_due
from background.heartbeat import Pulse
from background.models import Heartbeat

logger = logging.getLogger(__name__)

# The longest time a due row waits to be announced.
TICK_SECONDS = 1.0
# Without a database, more frequent tries would only fill the log of the server.
TICK_SECONDS_IN_TROUBLE = 5.0


class DispatchScheduler(Scheduler):
    """Announces in the beat process itself; a task for it would wait behind the messages it sent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._pulse = Pulse(name=Heartbeat.Name.BEAT)
        self._is_in_trouble = False
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Keep no schedule: due times are columns of rows."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Announce due rows once and return the seconds until the next tick."""
        close_old_connections()
        try:
            nudge_due()
            self._pulse.beat()
        except Exception as error:
            # Whatever the cause (no database, a missing table), the next tick may succeed.
            if not self._is_in_trouble:
                logger.warning("Cannot announce due rows: %s", type(error).__name__)
            self._is_in_trouble = True
            return TICK_SECONDS_IN_TROUBLE
        if self._is_in_trouble:
            logger.info("Due rows are announced again.")
        self._is_in_trouble = False
        return TICK_SECONDS
