"""Who may sign up: whoever arrives with a customer token, and whoever was invited."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Invitation

# Set by the connect pages once a token waits in the session.
SESSION_ARRIVED = "arrived_with_token"
SESSION_INVITATION = "invitation_code"


class AccountAdapter(DefaultAccountAdapter):
    """allauth's decisions, made for a portal that holds patient data."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        code = request.session.get(SESSION_INVITATION)
        if (
            code
            and Invitation.objects.filter(code=code, accepted_at=None, expires_at__gt=timezone.now()).exists()
        ):
            return True
        return bool(settings.SIGNUP_OPEN and request.session.get(SESSION_ARRIVED))
