"""Template context of the demo: its shortcuts, its mails, and the password on the page that asks for it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from portal.demo.gate import is_open
from portal.demo.state import ROLES, DemoFile

# The pages that ask for a code from an e-mail.
CODE_PAGES = (
    "account_email_verification_sent",
    "account_confirm_login_code",
    "account_confirm_password_reset_code",
)


def demo(request: HttpRequest) -> dict[str, Any]:
    """Return `demo`: the sandbox's address and the roles to continue as, or None outside of the demo.

    On the page that asks for the password it contains `password`, since a shortcut never showed it, and on
    pages that ask for a code `mail_folder`, where the demo writes its mails.
    """
    if not settings.DEMO_FILE:
        return {"demo": None}
    is_own_page = request.path == reverse("account_reauthenticate")
    is_asked = is_own_page or getattr(request, "is_password_asked", False)
    is_code = request.path in map(reverse, CODE_PAGES)
    if not (is_asked or is_code or request.path == "/") or not is_open(request):
        return {"demo": None}
    if is_code:
        return {"demo": {"mail_folder": getattr(settings, "EMAIL_FILE_PATH", "")}}
    if is_asked:
        return {"demo": {"password": _password(request)}}
    return {
        "demo": {
            "sandbox_url": settings.DEMO_SANDBOX_URL,
            "home_url": f"{settings.PUBLIC_URL}/",
            "roles": ROLES,
        }
    }


def _password(request: HttpRequest) -> str:
    """Return the password that the demo created for this account, or "" if it has changed."""
    passwords = DemoFile.open(Path(settings.DEMO_FILE)).data["passwords"]
    email = getattr(request.user, "email", "")
    made = next((passwords[role] for role in ROLES if DemoFile.address(role) == email), "")
    return made if made and request.user.check_password(made) else ""
