"""What follows from signals of accounts."""

from typing import Any

from allauth.account import signals
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import Grant, User, superuser_created
from accounts.services.attempts import count_wrong_code, forget_failures
from accounts.services.events import audit_event
from accounts.services.grants import record_grant
from audit.entries import mask_address

signals.login_code_rejected.connect(count_wrong_code)
signals.password_reset_code_rejected.connect(count_wrong_code)
signals.email_verification_code_rejected.connect(count_wrong_code)
signals.password_reset.connect(forget_failures)


@receiver(superuser_created)
def record_superuser(sender: Any, user: User, **kwargs: Any) -> None:
    """Audit and announce an account that `createsuperuser` made."""
    what = f"every right for {user.email}, a new account"
    record_grant(kind=Grant.Kind.SUPERUSER, what=what, recipient=user, user=None, address=None)


@receiver(user_logged_out)
def audit_log_out(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Audit a log-out; an expired session has no account."""
    if user is not None:
        audit_event(request, "account.logged_out", account=user)


@receiver(signals.user_signed_up)
def audit_sign_up(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Audit a new account."""
    audit_event(request, "account.signed_up", account=user)


@receiver([signals.password_set, signals.password_changed])
def audit_password_change(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Audit a password that its owner has changed."""
    audit_event(request, "account.password_changed", account=user)


@receiver(signals.password_reset)
def audit_password_reset(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Audit a password that was set with a mailed code."""
    audit_event(request, "account.password_reset", account=user)


@receiver(signals.authentication_step_completed)
def audit_reauthentication(request: HttpRequest, user: User, method: str, **kwargs: Any) -> None:
    """Audit that a logged-in person has proved again who they are."""
    if kwargs.get("reauthenticated"):
        audit_event(request, "account.reauthenticated", account=user, method=method)


@receiver(
    [
        signals.login_code_rejected,
        signals.password_reset_code_rejected,
        signals.email_verification_code_rejected,
    ]
)
def audit_wrong_code(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Audit a wrong code from a mail."""
    audit_event(request, "account.code_refused", account=user, outcome="refused")


@receiver(signals.email_added)
def audit_added_address(request: HttpRequest, user: User, email_address: Any, **kwargs: Any) -> None:
    """Audit a further address of an account."""
    audit_event(request, "account.email_added", account=user, email=mask_address(email_address.email))


@receiver(signals.email_removed)
def audit_removed_address(request: HttpRequest, user: User, email_address: Any, **kwargs: Any) -> None:
    """Audit an address that an account no longer has."""
    audit_event(request, "account.email_removed", account=user, email=mask_address(email_address.email))


@receiver(signals.email_confirmed)
def audit_verified_address(request: HttpRequest, email_address: Any, **kwargs: Any) -> None:
    """Audit an address whose owner entered the code from the mail."""
    email = mask_address(email_address.email)
    audit_event(request, "account.email_verified", account=email_address.user, email=email)


@receiver(signals.email_changed)
def audit_changed_address(
    request: HttpRequest, user: User, from_email_address: Any, to_email_address: Any, **kwargs: Any
) -> None:
    """Audit another address for log-in and mails."""
    audit_event(
        request,
        "account.email_changed",
        account=user,
        former=mask_address(getattr(from_email_address, "email", "")),
        email=mask_address(to_email_address.email),
    )
