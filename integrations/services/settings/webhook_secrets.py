"""The secrets in the webhook's address: the current one, replaced ones, and those the Cloud may have."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from integrations.models import Service

# The Cloud may still send notifications to the old address.
HONOURED = timedelta(hours=1)
# Of these alone the service's row is written here; its lease belongs to the poll.
COLUMNS = [
    "webhook_secret",
    "previous_webhook_secret",
    "previous_webhook_until",
    "unsettled_webhook_secrets",
]


def webhook_secrets(*, service: Service, now: datetime | None = None) -> tuple[str, ...]:
    """Return every secret that the webhook accepts now, the current one first; raises CannotDecrypt."""
    known = [service.webhook_secret, *service.unsettled_webhook_secrets.split(), *_honoured(service, now)]
    return tuple(dict.fromkeys(known))


def replace_secret(*, service: Service) -> None:
    """Create a secret without sending it to the Cloud; the next reading shows which one it has."""
    with _locked(service):
        _add_unsettled(service, service.webhook_secret)
        service.webhook_secret = secrets.token_urlsafe(32)


def propose_secret(*, service: Service) -> str:
    """Return a new secret that the webhook accepts at once, so no notification to it is lost."""
    proposed = secrets.token_urlsafe(32)
    with _locked(service):
        _add_unsettled(service, proposed)
    return proposed


def withdraw_secret(*, service: Service, secret: str) -> None:
    """Drop a proposed secret that the Cloud certainly did not store."""
    with _locked(service):
        kept = [each for each in service.unsettled_webhook_secrets.split() if each != secret]
        service.unsettled_webhook_secrets = " ".join(kept)


def doubt_secret(*, service: Service) -> None:
    """Accept the current secret, even after its replacement, until a reading shows what the Cloud has."""
    with _locked(service):
        _add_unsettled(service, service.webhook_secret)


def settle_secrets(*, service: Service, url: str) -> bool:
    """Use the secret that the Cloud has, accept the others for an hour; True if it changed."""
    with _locked(service):
        unsettled = service.unsettled_webhook_secrets.split()
        if not unsettled:
            return False
        former = service.webhook_secret
        service.webhook_secret = next((each for each in unsettled if f"/{each}/" in f"{url}/"), former)
        replaced = dict.fromkeys([former, *unsettled, *_honoured(service, None)])
        replaced.pop(service.webhook_secret, None)
        service.unsettled_webhook_secrets = ""
        service.previous_webhook_secret = " ".join(replaced)
        service.previous_webhook_until = timezone.now() + HONOURED
        return service.webhook_secret != former


def extend_previous_secrets(*, service: Service) -> None:
    """Accept the previous secrets for longer, since the Cloud still uses one."""
    until = timezone.now() + 2 * HONOURED
    Service.objects.filter(pk=service.pk).update(previous_webhook_until=until)


def _honoured(service: Service, now: datetime | None) -> list[str]:
    until = service.previous_webhook_until
    is_honoured = until is not None and until > (now or timezone.now())
    return service.previous_webhook_secret.split() if is_honoured else []


def _add_unsettled(service: Service, secret: str) -> None:
    known = dict.fromkeys([*service.unsettled_webhook_secrets.split(), secret])
    service.unsettled_webhook_secrets = " ".join(known)


@contextmanager
def _locked(service: Service) -> Iterator[None]:
    """Lock the row and read what others wrote; the body's changes are saved."""
    with transaction.atomic():
        Service.objects.select_for_update().only("pk").get(pk=service.pk)
        service.refresh_from_db(fields=COLUMNS)
        yield
        service.save(update_fields=COLUMNS)
