"""The jobs of this package."""

from background.runner import register
from integrations.services.hourly_reading import LOOK
from integrations.services.keys.rotation import ROTATE
from integrations.services.linking.confirmation import CONFIRM
from integrations.services.sync import READ

register(CONFIRM, READ, LOOK, ROTATE)
