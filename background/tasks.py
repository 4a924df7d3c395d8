"""Registers the jobs of this package."""

from background.mail import SEND
from background.runner import register

register(SEND)
