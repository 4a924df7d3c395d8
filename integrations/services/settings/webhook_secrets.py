"""The secret part of the webhook's address, those that it replaced, and those that the Cloud may have."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from integrations.models import Service

# The Cloud may still be sending to the address it had.
HONOURED = timedelta(hours=1)
COLUMNS = [
    "webhook_secret",
    "previous_webhook_secret",
    "previous_webhook_until",
    "unsettled_webhook_secrets",
]


def webhook_secrets(*, service: Service, now: datetime | None = None) -> tuple[str, ...]:
    """Return every secret that opens the webhook now, the current one first; raises CannotDecrypt."""
    known = [service.webhook_secret, *service.unsettled_webhook_secrets.split(), *_honoured(service, now)]
    return tuple(dict.fromkeys(known))


def replace_secret(*, service: Service) -> None:
    """Make a new secret of which the Cloud is not told; a look says whether it has the one before."""
    with transaction.atomic():
        _lock(service)
        _note_unsettled(service, service.webhook_secret)
        service.webhook_secret = secrets.token_urlsafe(32)
        _save(service)


def propose_secret(*, service: Service) -> str:
    """Return a new secret that opens the webhook already: the first notification to it finds its door."""
    proposed = secrets.token_urlsafe(32)
    _change_unsettled(service, added=proposed)
    return proposed


def withdraw_secret(*, service: Service, secret: str) -> None:
    """Forget a proposed secret that the Cloud certainly did not take."""
    _change_unsettled(service, removed=secret)


def doubt_secret(*, service: Service) -> None:
    """Keep the current secret, also when it is replaced, until a look says whether the Cloud has it."""
    _change_unsettled(service, added=service.webhook_secret)


def settle_secrets(*, service: Service, url: str) -> bool:
    """Use the secret that the Cloud is seen to have, honour the others for an hour; True for a change."""
    with transaction.atomic():
        _lock(service)
        unsettled = service.unsettled_webhook_secrets.split()
        if not unsettled:
            return False
        former = service.webhook_secret
        service.webhook_secret = next((each for each in unsettled if f"/{each}/" in url), former)
        replaced = dict.fromkeys([former, *unsettled, *_honoured(service, None)])
        replaced.pop(service.webhook_secret, None)
        service.unsettled_webhook_secrets = ""
        service.previous_webhook_secret = " ".join(replaced)
        service.previous_webhook_until = timezone.now() + HONOURED
        _save(service)
        return service.webhook_secret != former


def honour_longer(*, service: Service) -> None:
    """Keep the previous secrets valid while the Cloud is seen to use one."""
    until = timezone.now() + 2 * HONOURED
    Service.objects.filter(pk=service.pk).update(previous_webhook_until=until)


def _honoured(service: Service, now: datetime | None) -> list[str]:
    until = service.previous_webhook_until
    is_honoured = until is not None and until > (now or timezone.now())
    return service.previous_webhook_secret.split() if is_honoured else []


def _change_unsettled(service: Service, *, added: str = "", removed: str = "") -> None:
    with transaction.atomic():
        _lock(service)
        _note_unsettled(service, added, removed=removed)
        _save(service)


def _note_unsettled(service: Service, added: str, *, removed: str = "") -> None:
    kept = dict.fromkeys([*service.unsettled_webhook_secrets.split(), added])
    service.unsettled_webhook_secrets = " ".join(each for each in kept if each and each != removed)


def _lock(service: Service) -> None:
    """Hold the row, and see what others wrote since it was read."""
    Service.objects.select_for_update().only("pk").get(pk=service.pk)
    service.refresh_from_db(fields=COLUMNS)


def _save(service: Service) -> None:
    # The row's lease is the poll's: only these columns are ours.
    service.save(update_fields=COLUMNS)
