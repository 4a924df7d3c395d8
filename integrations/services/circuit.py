"""Is the key refused, or only this object: one decision for every call that meets a 401 or 403."""

from datetime import timedelta
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from accounts.services.alerts import alert_administrators
from audit.record import record
from integrations.clarius import errors
from integrations.encryption import CannotDecrypt
from integrations.models import ApiKey, Service
from integrations.services.clients import client_with

PROBE_EVERY = timedelta(minutes=1)
# A call that began with the former key may end with its refusal this much later.
FRESHLY_SWITCHED = timedelta(minutes=2)
SENTENCE = "Clarius Cloud refuses every stored API key. Calls wait until one works again."


class Verdict(StrEnum):
    """What the Cloud says of the stored keys."""

    WORKS = "works"
    SWITCHED = "switched"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def is_open(*, service: Service) -> bool:
    """Tell whether calls of the service wait; once a minute the caller that asks probes the keys."""
    row = Service.objects.only("pk", "circuit_opened_at").get(pk=service.pk)
    if row.circuit_opened_at is None:
        return False
    now = timezone.now()
    claimed = Service.objects.filter(pk=service.pk, circuit_probe_at__lte=now - PROBE_EVERY).update(
        circuit_probe_at=now
    )
    return not (claimed and probe_keys(service=service) in (Verdict.WORKS, Verdict.SWITCHED))


def key_is_refused(*, service: Service) -> bool:
    """After a 401 or 403, tell whether the key was at fault: then the call waits and its object is fine.

    False means that the key in use works, so the refusal belongs to the object. When no key works the
    circuit opens; when the Cloud cannot be asked nothing is known, and the call waits as well.
    """
    verdict = probe_keys(service=service)
    if verdict == Verdict.REFUSED:
        _open(service=service)
    return verdict != Verdict.WORKS


def probe_keys(*, service: Service) -> Verdict:
    """Try the key in use, then the others; switch to the first that works and close the circuit."""
    rows = ApiKey.objects.filter(service=service, revoked_at=None)
    verdict = Verdict.REFUSED
    for key in rows.order_by("-is_in_use", "-created_at", "-pk"):
        try:
            with client_with(base_url=service.base_url, secret=key.secret) as client:
                client.get_settings()
        except (errors.KeyRefused, CannotDecrypt):
            continue
        except errors.ClariusError:
            verdict = Verdict.UNKNOWN
            continue
        return _use(service=service, key=key)
    return verdict


def close(*, service: Service) -> None:
    """Let calls go out again, since a key works. Call it in a transaction."""
    is_open = Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False)
    if is_open.update(circuit_opened_at=None, circuit_probe_at=None, last_error="", last_error_at=None):
        record(action="service.circuit_closed", target=service)


def _use(*, service: Service, key: ApiKey) -> Verdict:
    now = timezone.now()
    with transaction.atomic():
        # Two workers may come to this at once: the row of the service serialises them.
        Service.objects.select_for_update().get(pk=service.pk)
        current = ApiKey.objects.filter(pk=key.pk, revoked_at=None).first()
        if current is None:
            # It was revoked here while the Cloud was asked.
            return Verdict.UNKNOWN
        close(service=service)
        if current.is_in_use:
            is_fresh = current.in_use_since is not None and current.in_use_since > now - FRESHLY_SWITCHED
            return Verdict.SWITCHED if is_fresh and _has_others(key=current) else Verdict.WORKS
        ApiKey.objects.filter(service=service, is_in_use=True).update(is_in_use=False)
        ApiKey.objects.filter(pk=key.pk).update(is_in_use=True, in_use_since=now)
        record(action="api_key.switched", target=service, prefix=key.prefix)
        alert_administrators(
            check="api-key",
            subject=f"Another API key of {service.name} is in use now",
            body=f"Clarius Cloud refused the key in use; the portal goes on with {key.prefix}….",
        )
    return Verdict.SWITCHED


def _has_others(*, key: ApiKey) -> bool:
    return ApiKey.objects.filter(service_id=key.service_id).exclude(pk=key.pk).exists()


def _open(*, service: Service) -> None:
    now = timezone.now()
    with transaction.atomic():
        opened = Service.objects.filter(pk=service.pk, circuit_opened_at=None).update(
            circuit_opened_at=now, circuit_probe_at=now, last_error=SENTENCE, last_error_at=now
        )
        if not opened:
            return
        record(action="service.circuit_opened", outcome="refused", target=service)
        alert_administrators(
            check="api-key-refused",
            subject=f"Clarius Cloud refuses the API key of {service.name}",
            body=f"{SENTENCE}\nNothing is lost meanwhile.",
        )
