"""The jobs of this package."""

from background.runner import register
from integrations.services.confirmation import CONFIRM
from integrations.services.mirrors import READ
from integrations.services.remote_state import LOOK
from integrations.services.rotation import ROTATE

register(CONFIRM, READ, LOOK, ROTATE)
