"""allauth's forms with the portal's limits and labels, and with the same work for every address."""

import uuid
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.core import context
from django.db import transaction
from django.http import HttpRequest

from accounts.referrals import opens_signup
from accounts.refusals import refuse
from accounts.services.attempts import Kind, begin_attempt, find_account
from accounts.services.events import audit_event
from accounts.services.invitations import pending_invitation

NEW_PASSWORD = {"password1": "New password", "password2": "New password again"}


def _name_fields(form: Any, **labels: str) -> None:
    """Set labels, and drop the placeholders that repeat allauth's."""
    for name, field in form.fields.items():
        field.widget.attrs.pop("placeholder", None)
        field.label = labels.get(name, field.label)


class LoginForm(allauth_forms.LoginForm):
    """Log-in, which names the invitation that the browser has opened."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_fields(self, login="E-mail address")
        self.invitation = pending_invitation(session=context.request.session)
        if self.invitation is not None:
            self.fields["login"].initial = self.invitation.email


class SignupForm(allauth_forms.SignupForm):
    """Sign-up, limited, and with the same work whether or not the address has an account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        session = context.request.session
        self.invitation = pending_invitation(session=session)
        self.is_for_invited_only = not opens_signup(session)
        if self.invitation is not None:
            self.fields["email"].initial = self.invitation.email
            if self.is_for_invited_only:
                self.fields["email"].widget.attrs["readonly"] = True
        _name_fields(self, email="E-mail address", password2="Password again")

    def clean(self) -> dict[str, Any]:
        """Count the sign-up; raises ValidationError for too many."""
        data: dict[str, Any] = super().clean()
        if not self.errors:
            with refuse("Too many sign-ups."):
                begin_attempt(request=context.request, kind=Kind.SIGN_UP, email=data["email"])
        return data

    def try_save(self, request: HttpRequest) -> Any:
        """Create the account, or only mail the owner of one that exists, with the same work."""
        if self.account_already_exists:
            self._save_and_undo(request)
            # A new account is audited once it is created.
            account = find_account(self.cleaned_data["email"])
            audit_event(request, "account.signed_up", account=account, outcome="exists")
        return super().try_save(request)

    def _save_and_undo(self, request: HttpRequest) -> None:
        """Create an account with another address and undo it, since a quick answer tells that one exists."""
        typed = self.cleaned_data["email"]
        self.account_already_exists = False
        self.cleaned_data["email"] = f"{uuid.uuid4().hex}@undone.invalid"
        try:
            with transaction.atomic():
                self.save(request)
                transaction.set_rollback(True)
        finally:
            self.account_already_exists = True
            self.cleaned_data["email"] = typed


class ResetPasswordForm(allauth_forms.ResetPasswordForm):
    """The request for a password reset code, limited for a network and for an account from it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_fields(self, email="E-mail address")

    def clean_email(self) -> str:
        email: str = super().clean_email()
        with refuse("Too many codes were requested."):
            begin_attempt(request=context.request, kind=Kind.RESET, email=email)
        return email

    def save(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Mail the code, and audit that it was asked for; without the address if no account has it."""
        account = self.users[0] if self.users else None
        outcome = "ok" if account else "no_account"
        audit_event(request, "account.reset_requested", account=account, outcome=outcome)
        return super().save(request, **kwargs)


class ChangePasswordForm(allauth_forms.ChangePasswordForm):
    """A change of the password, in which guesses of the current one count like those at log-in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_fields(self, oldpassword="Current password", **NEW_PASSWORD)

    def clean_oldpassword(self) -> str:
        with refuse("Too many wrong passwords."):
            attempt = begin_attempt(request=context.request, kind=Kind.PASSWORD, user=self.user)
        try:
            password: str = super().clean_oldpassword()
        except allauth_forms.forms.ValidationError:
            attempt.fail()
            audit_event(
                context.request, "account.reauthentication_failed", account=self.user, outcome="refused"
            )
            raise
        attempt.succeed()
        return password


class SetPasswordForm(allauth_forms.SetPasswordForm):
    """The first password of an account that has none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_fields(self, **NEW_PASSWORD)


class ReauthenticateForm(allauth_forms.ReauthenticateForm):
    """The password of somebody who is logged in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_fields(self)


class ResetPasswordKeyForm(allauth_forms.ResetPasswordKeyForm):
    """The new password after a reset."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_fields(self, **NEW_PASSWORD)


class _LimitedCode:
    """Counts the codes that one session tries, since parallel requests could try more than allauth counts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _name_fields(self)

    def clean_code(self) -> str:
        session = f"session {context.request.session.session_key}"
        with refuse("Too many wrong codes."):
            attempt = begin_attempt(request=context.request, kind=Kind.CODE, email=session)
        code: str = super().clean_code()  # type: ignore[misc]
        attempt.succeed()
        return code


class ConfirmLoginCodeForm(_LimitedCode, allauth_forms.ConfirmLoginCodeForm):
    """The code that an unknown device needs after many failures."""


class ConfirmEmailVerificationCodeForm(_LimitedCode, allauth_forms.ConfirmEmailVerificationCodeForm):
    """The code that proves an e-mail address."""


class ConfirmPasswordResetCodeForm(_LimitedCode, allauth_forms.ConfirmPasswordResetCodeForm):
    """The code that opens a password reset."""
