"""What every page knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return the notice that stands in the viewer."""
    return {"intended_use_notice": settings.INTENDED_USE_NOTICE}
