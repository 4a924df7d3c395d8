"""The adapter that answers allauth's questions for this portal."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse

from accounts.models import Invitation
from accounts.referrals import forget_invitation, invitation_code, opens_signup, referral_path
from accounts.services.invitations import accept_invitation, open_invitation
from audit.entries import add_entry
from background.mail import queue_mail
from foundation.address import client_address


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up by token or invitation, mail through the queue, and redirects to a pending connection."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Open sign-up to invited people and, if `SIGNUP_OPEN`, to people with a connection token."""
        return opens_signup(request.session) or self._invitation(request) is not None

    def clean_email(self, email: str) -> str:
        """Refuse every address but the invited one if only the invitation opens sign-up."""
        invitation = self._invitation(self.request)
        if (
            invitation is not None
            and self.request.resolver_match is not None
            and self.request.resolver_match.url_name == "account_signup"
            and not opens_signup(self.request.session)
            and invitation.email.lower() != email.lower()
        ):
            raise ValidationError("Sign up with the address that the invitation was sent to.")
        return email

    def is_email_verified(self, request: HttpRequest, email: str) -> bool:
        """Treat the invited address as verified: this browser opened the link in its mail."""
        invitation = self._invitation(request)
        return invitation is not None and invitation.email.lower() == email.lower()

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Redirect to a pending connection, else to the home page."""
        return referral_path(request.session) or super().get_login_redirect_url(request)

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        """Redirect to a pending connection, else to the home page."""
        return referral_path(request.session) or super().get_signup_redirect_url(request)

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """Audit the log-in and accept the invitation that this browser opened."""
        add_entry(action="account.logged_in", actor=user, address=client_address(request))
        invitation = self._invitation(request)
        if invitation is not None:
            accept_invitation(invitation=invitation, user=user, address=client_address(request))
            forget_invitation(request.session)
        return super().post_login(request, user, **kwargs)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Audit a wrong password with the client's address, without the typed name: it may be a password.

        The actor is known only when a logged-in person confirms the password.
        """
        actor = request.user if request.user.is_authenticated else None
        add_entry(
            action="account.log_in_failed", outcome="refused", actor=actor, address=client_address(request)
        )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue the mail, so that no page waits for a mail server; only the plain text is sent."""
        message = self.render_mail(template_prefix, email, {"email": email, **context})
        queue_mail(recipient=email, subject=str(message.subject), body=str(message.body))

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the audit log would write; raises PermissionDenied without one."""
        address = client_address(request)
        if address is None:
            raise PermissionDenied("The address of the client is unknown.")
        return address

    def _invitation(self, request: HttpRequest) -> Invitation | None:
        code = invitation_code(request.session)
        return open_invitation(code=code) if code else None
