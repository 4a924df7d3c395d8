"""The portal's address for the templates of mails."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def portal_address() -> str:
    """Return `PUBLIC_URL`."""
    return str(settings.PUBLIC_URL)
