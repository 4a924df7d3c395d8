"""What the home page needs to show the demo's shortcuts."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.demo.gate import is_open
from portal.demo.state import ROLES


def demo(request: HttpRequest) -> dict[str, Any]:
    """Return `demo`: the sandbox's address and the roles to continue as, or None outside of the demo."""
    if not settings.DEMO_FILE or request.path != "/" or not is_open(request):
        return {"demo": None}
    return {
        "demo": {
            "sandbox_url": settings.DEMO_SANDBOX_URL,
            "home_url": f"{settings.PUBLIC_URL}/",
            "roles": ROLES,
        }
    }
