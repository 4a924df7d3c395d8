"""What follows from signals of accounts."""

from typing import Any

from allauth.account import signals
from django.dispatch import receiver

from accounts.models import Grant, User, superuser_created
from accounts.services.attempts import count_wrong_code, forget_failures
from accounts.services.grants import record_grant

signals.login_code_rejected.connect(count_wrong_code)
signals.password_reset_code_rejected.connect(count_wrong_code)
signals.email_verification_code_rejected.connect(count_wrong_code)
signals.password_reset.connect(forget_failures)


@receiver(superuser_created)
def record_superuser(sender: Any, user: User, **kwargs: Any) -> None:
    """Audit and announce an account that `createsuperuser` made."""
    what = f"every right for {user.email}, a new account"
    record_grant(kind=Grant.Kind.SUPERUSER, what=what, recipient=user, user=None, address=None)
