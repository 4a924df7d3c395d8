"""Is the key refused, or only this object: one decision for every call that meets a 401 or 403."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.record import record
from background.mail import queue_mail
from integrations.clarius import errors
from integrations.models import ApiKey, Service
from integrations.services.clients import NoKey, client_with

PROBE_EVERY = timedelta(minutes=1)


def is_open(*, service: Service) -> bool:
    """Tell whether calls of the service wait; once a minute the caller that asks probes the keys."""
    row = Service.objects.only("circuit_opened_at", "circuit_probe_at").get(pk=service.pk)
    if row.circuit_opened_at is None:
        return False
    now = timezone.now()
    claimed = Service.objects.filter(pk=service.pk, circuit_probe_at__lte=now - PROBE_EVERY).update(
        circuit_probe_at=now
    )
    return not (claimed and find_working_key(service=service))


def key_is_refused(*, service: Service) -> bool:
    """After a refusal, tell whether no stored key works; then the circuit is open."""
    if find_working_key(service=service):
        return False
    _open(service=service)
    return True


def find_working_key(*, service: Service) -> ApiKey | None:
    """Try the key in use, then the others; switch to the first that works and close the circuit."""
    keys = ApiKey.objects.filter(service=service, revoked_at=None).order_by("-is_in_use", "-created_at")
    for key in keys:
        try:
            client_with(service=service, secret=key.secret).get_settings()
        except errors.KeyRefused:
            continue
        except (errors.ClariusError, NoKey):
            # The Cloud is away: nothing was learnt about the key.
            return key if service.circuit_opened_at is None else None
        _use(service=service, key=key)
        return key
    return None


def _use(*, service: Service, key: ApiKey) -> None:
    with transaction.atomic():
        if not key.is_in_use:
            ApiKey.objects.filter(service=service, is_in_use=True).update(is_in_use=False)
            ApiKey.objects.filter(pk=key.pk).update(is_in_use=True)
            record(action="api_key.switched", target=service, prefix=key.prefix)
        Service.objects.filter(pk=service.pk).update(
            circuit_opened_at=None, circuit_probe_at=None, last_error="", last_error_at=None
        )


def _open(*, service: Service) -> None:
    now = timezone.now()
    sentence = "The Cloud refuses every stored API key. Calls wait until one works again."
    opened = Service.objects.filter(pk=service.pk, circuit_opened_at=None).update(
        circuit_opened_at=now, circuit_probe_at=now, last_error=sentence, last_error_at=now
    )
    if not opened:
        return
    record(action="service.circuit_opened", outcome="refused", target=service)
    for address in settings.ALERT_EMAILS:
        queue_mail(
            recipient=address,
            subject=f"Clarius Cloud refuses the API key of {service.name}",
            body=f"{sentence}\n\nNothing is lost meanwhile. Look at {settings.PUBLIC_URL}/admin/\n",
        )
