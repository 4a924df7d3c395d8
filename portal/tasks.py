"""Registers the jobs of this package."""

from background.runner import register
from portal.health.digest import SEND_DIGEST

register(SEND_DIGEST)
