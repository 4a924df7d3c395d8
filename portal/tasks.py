"""The jobs of the site as a whole."""

from background.runner import register
from portal.health.digest import SEND_DIGEST

register(SEND_DIGEST)
