"""The portal's settings on a clock that runs some ten times faster: its waiting times are short."""

from portal.settings import *  # noqa: F403
from tests.chaos.times import MINUTE

# A dead worker's rows are free again after six seconds.
LEASE_SECONDS = MINUTE
NUDGE_SECONDS = int(MINUTE)
RETRY_BASE_SECONDS = 1.0
CONFIRM_EVERY_SECONDS = 2.0
