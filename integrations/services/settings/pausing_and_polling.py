"""Pause and resume a service, poll it and try its keys on demand; each is audited."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from audit.models import Entry
from background.due import schedule
from background.runner import wake
from integrations.models import Service

PAUSED = "service.paused"


def poll_now(*, service: Service, user: User, address: str | None) -> None:
    """Make the next poll due now."""
    with transaction.atomic():
        schedule(Service.objects.filter(pk=service.pk))
        add_entry(action="service.poll_wanted", actor=user, target=service, address=address)


def poll_everything(*, service: Service, user: User, address: str | None) -> None:
    """Make a full poll due now."""
    with transaction.atomic():
        Service.objects.filter(pk=service.pk).update(full_poll_due_at=timezone.now())
        schedule(Service.objects.filter(pk=service.pk))
        add_entry(action="service.full_poll_wanted", actor=user, target=service, address=address)


def probe_soon(*, service: Service, user: User, address: str | None) -> None:
    """Make a poll due now that tries the stored keys if the circuit is open."""
    with transaction.atomic():
        Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False).update(
            circuit_probe_at=service.created_at
        )
        schedule(Service.objects.filter(pk=service.pk))
        add_entry(action="service.probe_wanted", actor=user, target=service, address=address)


def pause_service(*, service: Service, user: User, address: str | None) -> bool:
    """Stop polling and connecting; nothing is deleted. False if it is paused already."""
    with transaction.atomic():
        if not Service.objects.in_use().filter(pk=service.pk).update(is_active=False):
            return False
        add_entry(action=PAUSED, actor=user, target=service, address=address)
    return True


def resume_service(*, service: Service, user: User, address: str | None) -> bool:
    """Poll and connect again, beginning with a full poll. False if it is not paused."""
    paused = Service.objects.filter(pk=service.pk, is_active=False)
    with transaction.atomic():
        if not paused.update(is_active=True, full_poll_due_at=timezone.now()):
            return False
        schedule(Service.objects.filter(pk=service.pk))
        wake(service)
        add_entry(action="service.resumed", actor=user, target=service, address=address)
    return True


def paused_since(*, service: Service) -> datetime | None:
    """Return when the service was paused, or None if there is no audit entry."""
    pauses = Entry.objects.filter(
        action=PAUSED, target_type=service._meta.label_lower, target_id=str(service.pk)
    )
    return pauses.order_by("-at").values_list("at", flat=True).first()
