"""The secret part of the webhook's address, and the one that it replaced a while ago."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from integrations.models import Service

# The Cloud may still be sending to the address it had; it also covers a push whose answer was lost.
HONOURED = timedelta(hours=1)


def webhook_secrets(*, service: Service, now: datetime | None = None) -> tuple[str, ...]:
    """Return every secret that opens the webhook now; raises CannotDecrypt."""
    until = service.previous_webhook_until
    is_honoured = until is not None and until > (now or timezone.now())
    previous = service.previous_webhook_secret if is_honoured else ""
    return (service.webhook_secret, previous) if previous else (service.webhook_secret,)


def replace_secret(*, service: Service) -> None:
    """Make a new secret, and honour the one before for an hour; the instance is changed as well."""
    _store(service=service, current=secrets.token_urlsafe(32), previous=service.webhook_secret)


def put_secret_back(*, service: Service) -> None:
    """Undo a replacement that the Cloud did not take; the new one is honoured in case it did."""
    _store(service=service, current=service.previous_webhook_secret, previous=service.webhook_secret)


def honour_longer(*, service: Service) -> None:
    """Keep the previous secret valid while the Cloud is seen to use it."""
    until = timezone.now() + 2 * HONOURED
    Service.objects.filter(pk=service.pk).update(previous_webhook_until=until)


def _store(*, service: Service, current: str, previous: str) -> None:
    service.webhook_secret = current
    service.previous_webhook_secret = previous
    service.previous_webhook_until = timezone.now() + HONOURED
    with transaction.atomic():
        # The row's lease is the poll's: only these columns are ours.
        service.save(update_fields=["webhook_secret", "previous_webhook_secret", "previous_webhook_until"])
