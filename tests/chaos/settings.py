"""The portal's settings with waiting times that are about ten times shorter."""

from portal.settings import *  # noqa: F403
from tests.chaos.times import MINUTE

# A dead worker's rows are free again after six seconds.
LEASE_SECONDS = MINUTE
NUDGE_SECONDS = int(MINUTE)
RETRY_BASE_SECONDS = 1.0
CONFIRM_EVERY_SECONDS = 2.0
