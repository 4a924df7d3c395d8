"""Mail the administrators about problems that need a person."""

from django.conf import settings
from django.db import transaction

from accounts.models import User
from background.mail import queue_mail


def alert_administrators(*, subject: str, body: str, check: str = "") -> int:
    """Queue a mail to each of `ALERT_EMAILS`, else to every active administrator; return how many.

    `check` is the code of the check that shows the same problem for as long as it lasts.
    """
    where = f"Check: {check}\n{settings.PUBLIC_URL}/problems/" if check else f"{settings.PUBLIC_URL}/admin/"
    recipients = list(settings.ALERT_EMAILS) or list(
        User.objects.filter(is_staff=True, is_active=True).order_by("pk").values_list("email", flat=True)
    )
    with transaction.atomic():
        for recipient in recipients:
            queue_mail(recipient=recipient, subject=subject, body=f"{body}\n\n{where}\n")
    return len(recipients)
