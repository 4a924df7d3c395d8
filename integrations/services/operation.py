"""What administrators do with a service by hand; each step is audited."""

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.record import record
from background.jobs import schedule
from integrations.models import Service
from integrations.services.addresses import webhook_url


def poll_now(*, service: Service, user: User, address: str | None) -> None:
    """Make the next poll due now."""
    with transaction.atomic():
        schedule(model=Service, pk=service.pk)
        record(action="service.poll_wanted", actor=user, target=service, address=address)


def poll_everything(*, service: Service, user: User, address: str | None) -> None:
    """Make a full pass due now."""
    with transaction.atomic():
        Service.objects.filter(pk=service.pk).update(full_poll_due_at=timezone.now())
        schedule(model=Service, pk=service.pk)
        record(action="service.full_poll_wanted", actor=user, target=service, address=address)


def probe_soon(*, service: Service, user: User, address: str | None) -> None:
    """Let the next call of an open circuit try the keys, and make that call due now."""
    with transaction.atomic():
        Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False).update(
            circuit_probe_at=service.created_at
        )
        schedule(model=Service, pk=service.pk)
        record(action="service.probe_wanted", actor=user, target=service, address=address)


def pause_service(*, service: Service, user: User, address: str | None) -> None:
    """Stop polling and connecting; nothing is deleted."""
    _switch(service=service, user=user, address=address, is_active=False)


def resume_service(*, service: Service, user: User, address: str | None) -> None:
    """Poll and connect again, from a full pass on."""
    _switch(service=service, user=user, address=address, is_active=True)


def reveal_webhook(*, service: Service, user: User, address: str | None) -> str:
    """Return the secret address of the webhook; that it was read is audited."""
    record(action="service.webhook_revealed", actor=user, target=service, address=address)
    return webhook_url(service=service)


def _switch(*, service: Service, user: User, address: str | None, is_active: bool) -> None:
    with transaction.atomic():
        switched = Service.objects.filter(pk=service.pk).exclude(is_active=is_active)
        if not switched.update(is_active=is_active):
            return
        if is_active:
            Service.objects.filter(pk=service.pk).update(full_poll_due_at=timezone.now())
            schedule(model=Service, pk=service.pk)
        action = "service.resumed" if is_active else "service.paused"
        record(action=action, actor=user, target=service, address=address)
