"""The adapter that answers allauth's questions for this portal."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.models import Login
from allauth.core.exceptions import ImmediateHttpResponse
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse

from accounts.models import Invitation
from accounts.referrals import forget_invitation, opens_signup, referral_path
from accounts.refusals import refuse, refused_page
from accounts.services.attempts import (
    Attempt,
    Kind,
    TooManyAttempts,
    begin_attempt,
    find_account,
    needs_code,
)
from accounts.services.devices import remember_device
from accounts.services.events import audit_event
from accounts.services.invitations import accept_invitation, pending_invitation
from audit.entries import add_entry
from background.mail import queue_mail
from foundation.address import client_address


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up by token or invitation, limits, queued mail, and redirects to a pending connection."""

    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "duplicate_email": "Your account has this address already.",
        "email_password_mismatch": "This address and this password do not belong together. Check both.",
        "email_taken": "Another account has this address.",
        "enter_current_password": "This is not your current password.",
        "incorrect_code": "This is not the code. Check the newest e-mail.",
        "incorrect_password": "This is not your password.",
        "same_as_current": "Your account has this address already.",
        "too_many_login_attempts": "Too many attempts. Start again in a minute.",
        "rate_limited": "Wait a few seconds before you request another code.",
    }

    _attempt: Attempt

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

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """Create the account; it is provisional until a link is confirmed or an invitation accepted."""
        user.is_provisional = True
        return super().save_user(request, user, form, commit)

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
        response = super().post_login(request, user, **kwargs)
        remember_device(request=request, response=response, user=user)
        return response

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the attempt before the password is checked; raises ValidationError while it must wait."""
        advice = "" if request.user.is_authenticated else " You can reset your password at once."
        with refuse("Too many wrong passwords.", advice):
            self._attempt = begin_attempt(
                request=request,
                kind=Kind.PASSWORD,
                email=credentials.get("email", ""),
                user=request.user if request.user.is_authenticated else None,
            )

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Check a password, at log-in and when a logged-in person enters it again."""
        user = super().authenticate(request, **credentials)
        if user is None:
            self._attempt.fail()
        else:
            self._attempt.succeed()
        return user

    def is_login_by_code_required(self, login: Login) -> bool:
        """Ask an unknown device for a code after many failures; a reset password came with one already."""
        records = get_authentication_records(self.request, login.user)
        by_code = bool(records) and records[-1]["method"] in {"code", "password_reset"}
        if by_code or login.signup or not needs_code(request=self.request, user=login.user):
            return False
        try:
            begin_attempt(request=self.request, kind=Kind.LOGIN_CODE, user=login.user)
        except TooManyAttempts as error:
            raise ImmediateHttpResponse(refused_page(self.request, error)) from error
        return True

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Audit a wrong password with the account, if there is one, and never with what was typed.

        What was typed as an address may be a password.
        """
        if request.user.is_authenticated:
            audit_event(request, "account.reauthentication_failed", account=request.user, outcome="refused")
        else:
            account = find_account(credentials.get("email", ""))
            audit_event(request, "account.log_in_failed", account=account, outcome="refused")

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Audit the right password of an account that is switched off."""
        audit_event(request, "account.log_in_failed", account=user, outcome="inactive")
        return super().respond_user_inactive(request, user)

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
        return pending_invitation(session=request.session)
