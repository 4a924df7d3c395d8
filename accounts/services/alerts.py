"""Mail the administrators about problems that need a person."""

from django.conf import settings
from django.db import transaction

from accounts.models import User
from background.mail import queue_mail


def alert_administrators(*, subject: str, body: str, check: str = "") -> int:
    """Queue a mail to each of `ALERT_EMAILS`, else to every active administrator; return how many.

    `check` is the code of the check that shows the same problem for as long as it lasts.
    """
    recipients = list(settings.ALERT_EMAILS) or _administrators()
    return _queue(recipients, subject=subject, body=body, check=check)


def announce(*, subject: str, body: str, check: str = "") -> int:
    """Queue a mail to every active administrator and to each of `ALERT_EMAILS`; return how many."""
    recipients = {address.lower(): address for address in (*_administrators(), *settings.ALERT_EMAILS)}
    return _queue(list(recipients.values()), subject=subject, body=body, check=check)


def _administrators() -> list[str]:
    staff = User.objects.filter(is_staff=True, is_active=True)
    return list(staff.order_by("pk").values_list("email", flat=True))


def _queue(recipients: list[str], *, subject: str, body: str, check: str) -> int:
    where = f"Check: {check}\n{settings.PUBLIC_URL}/problems/" if check else f"{settings.PUBLIC_URL}/admin/"
    with transaction.atomic():
        for recipient in recipients:
            queue_mail(recipient=recipient, subject=subject, body=f"{body}\n\n{where}\n")
    return len(recipients)
