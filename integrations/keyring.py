"""The stored API keys of a service: which one calls, how another comes into use, and what a 401 or 403 means.

A refusal is judged by `judge_refusal`; while no key works the circuit is open and calls wait.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from accounts.services.alerts import alert_administrators
from audit.entries import add_entry
from background.runner import wake
from foundation.crypto import CannotDecrypt
from integrations.clarius import ClariusClient, errors
from integrations.models import ApiKey, Service

# Saving every use would add a write to every call.
SAVE_USE_EVERY = timedelta(minutes=1)
# How often the stored keys are tried while none works.
PROBE_EVERY = timedelta(minutes=1)
# A call that began with the former key may be refused this long after the switch.
FRESHLY_SWITCHED = timedelta(minutes=2)
ALL_REFUSED = "Clarius Cloud refuses every stored API key. Calls wait until one works again."


class NoKey(Exception):
    """The service holds no API key that may be used; the message is one sentence for administrators."""


class KeyInUse(Exception):
    """A key in use cannot be withdrawn."""


class Cause(StrEnum):
    """The cause of a switch to another key."""

    # A person chose a stored key, or gave a new one.
    PERSON = "person"
    STORED = "stored"
    ROTATION = "rotation"
    REFUSED = "refused"
    UNREADABLE = "unreadable"


# The switches that no person asked for, of which administrators get a mail.
_ALERTS = {
    Cause.REFUSED: "Clarius Cloud refused the key in use; the portal now uses {prefix}….",
    Cause.UNREADABLE: "The key in use cannot be decrypted or is missing; the portal now uses {prefix}….",
}


class KeyState(StrEnum):
    """The result of trying the stored keys."""

    WORKS = "works"
    SWITCHED = "switched"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def client_with(*, base_url: str, secret: str) -> ClariusClient:
    """Return a client with a key that may not be stored yet; raises BlockedByPolicy for the address."""
    return ClariusClient(base_url=base_url, api_key=secret, allowed_networks=settings.EGRESS_ALLOWED_NETWORKS)


def client_for(*, service: Service) -> ClariusClient:
    """Return a client with the key in use, else with a standby key; raises NoKey, or BlockedByPolicy."""
    key = key_in_use(service=service)
    secret = _decrypt(key)
    if key is None or not secret:
        key, secret = _fall_back(service)
    now = timezone.now()
    unsaved = Q(last_used_at=None) | Q(last_used_at__lt=now - SAVE_USE_EVERY)
    ApiKey.objects.filter(unsaved, pk=key.pk).update(last_used_at=now)
    return client_with(base_url=service.base_url, secret=secret)


def usable_keys(*, service: Service) -> QuerySet[ApiKey]:
    """Return the stored keys that were not revoked."""
    return ApiKey.objects.filter(service=service, revoked_at=None)


def key_in_use(*, service: Service) -> ApiKey | None:
    """Return the key that calls, or None."""
    return usable_keys(service=service).filter(is_in_use=True).first()


def use_key(
    *,
    service: Service,
    key: ApiKey,
    cause: Cause,
    actor: User | None = None,
    address: str | None = None,
    was_tested: bool = True,
) -> bool:
    """Use this key from now on; False when it was revoked meanwhile or is in use already.

    Call it in a transaction. Administrators get a mail if no person asked for it. A key that was tested by
    a call closes the circuit; one that could only be decrypted does not.
    """
    # Two workers may switch at the same moment: the lock on the service's row puts them in order.
    Service.objects.select_for_update().get(pk=service.pk)
    current = usable_keys(service=service).filter(pk=key.pk).first()
    if current is None:
        return False
    if was_tested:
        close_circuit(service=service)
    if current.is_in_use:
        return False
    in_use = ApiKey.objects.filter(service=service, is_in_use=True)
    former = in_use.values_list("prefix", flat=True).first() or ""
    in_use.update(is_in_use=False)
    ApiKey.objects.filter(pk=key.pk).update(is_in_use=True, in_use_since=timezone.now())
    identifiers = {"prefix": key.prefix, "former": former, "cause": cause.value}
    add_entry(action="api_key.switched", actor=actor, target=service, address=address, **identifiers)
    if cause in _ALERTS:
        alert_administrators(
            check="api-key",
            subject=f"{service.name} now uses another API key",
            body=_ALERTS[cause].format(prefix=key.prefix),
        )
    return True


def store_key(*, service: Service, key: str) -> ApiKey:
    """Store a proven key without using it. Call it in a transaction."""
    row, _ = ApiKey.objects.update_or_create(
        service=service, prefix=key.partition(".")[0], defaults={"secret": key, "revoked_at": None}
    )
    return row


@contextmanager
def withdrawn(*, service: Service, prefix: str, check: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Block a key while the body revokes it at the Cloud, then delete its secret.

    If the body fails, the key may still work and becomes a standby key again. `check` runs under the lock
    on the service and may refuse. Raises KeyInUse.
    """
    rows = ApiKey.objects.filter(service=service, prefix=prefix)
    with transaction.atomic():
        Service.objects.select_for_update().get(pk=service.pk)
        check()
        if rows.filter(is_in_use=True).exists():
            raise KeyInUse
        rows.filter(revoked_at=None).update(revoked_at=Now())
    try:
        yield
    except Exception:
        # A process that is killed before this leaves the key blocked: nobody knows whether it still works.
        rows.exclude(secret="").update(revoked_at=None)
        raise
    rows.update(revoked_at=Now(), secret="")


def probe_keys(*, service: Service) -> KeyState:
    """Try the key in use, then the others; switch to the first that works and close the circuit.

    Another key comes into use only if the one in use is refused, or is unreadable or missing. If the Cloud
    gives no answer about it, the result is UNKNOWN and nothing changes.
    """
    state, cause = KeyState.REFUSED, Cause.UNREADABLE
    for key in usable_keys(service=service).order_by("-is_in_use", "-created_at", "-pk"):
        try:
            with client_with(base_url=service.base_url, secret=key.secret) as client:
                client.get_settings()
        except CannotDecrypt:
            continue
        except errors.KeyRefused:
            cause = Cause.REFUSED if key.is_in_use else cause
            continue
        except errors.ClariusError:
            state = KeyState.UNKNOWN
            if key.is_in_use:
                break
            continue
        with transaction.atomic():
            if use_key(service=service, key=key, cause=cause):
                return KeyState.SWITCHED
        return _state_of(key)
    return state


def judge_refusal(*, service: Service) -> KeyState:
    """Try the stored keys after a 401 or 403, and open the circuit when none works.

    WORKS means that the refusal is about the object of the call. With SWITCHED, REFUSED and UNKNOWN the
    refusal says nothing about the object.
    """
    state = probe_keys(service=service)
    if state == KeyState.REFUSED:
        _open_circuit(service=service)
    return state


def is_circuit_open(*, service: Service) -> bool:
    """Tell whether calls of the service wait; once a minute one caller tries the keys first."""
    row = Service.objects.only("pk", "circuit_opened_at").get(pk=service.pk)
    if row.circuit_opened_at is None:
        return False
    now = timezone.now()
    claimed = Service.objects.filter(pk=service.pk, circuit_probe_at__lte=now - PROBE_EVERY).update(
        circuit_probe_at=now
    )
    return not (claimed and probe_keys(service=service) in (KeyState.WORKS, KeyState.SWITCHED))


def close_circuit(*, service: Service) -> None:
    """Let calls go out again, since a key works. Call it in a transaction."""
    is_open = Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False)
    if is_open.update(circuit_opened_at=None, circuit_probe_at=None, last_error="", last_error_at=None):
        add_entry(action="service.circuit_closed", target=service)
        wake(service)


def _open_circuit(*, service: Service) -> None:
    now = timezone.now()
    with transaction.atomic():
        opened = Service.objects.filter(pk=service.pk, circuit_opened_at=None).update(
            circuit_opened_at=now, circuit_probe_at=now, last_error=ALL_REFUSED, last_error_at=now
        )
        if not opened:
            return
        add_entry(action="service.circuit_opened", outcome="refused", target=service)
        alert_administrators(
            check="api-key-refused",
            subject=f"Clarius Cloud refuses the API key of {service.name}",
            body=f"{ALL_REFUSED}\nNo exam or report is lost in the meantime.",
        )


def _state_of(key: ApiKey) -> KeyState:
    current = ApiKey.objects.filter(pk=key.pk, revoked_at=None).first()
    if current is None:
        # It was revoked here during the call.
        return KeyState.UNKNOWN
    since = current.in_use_since
    is_fresh = since is not None and since > timezone.now() - FRESHLY_SWITCHED
    others = ApiKey.objects.filter(service_id=key.service_id).exclude(pk=key.pk)
    return KeyState.SWITCHED if is_fresh and others.exists() else KeyState.WORKS


def _fall_back(service: Service) -> tuple[ApiKey, str]:
    with transaction.atomic():
        Service.objects.select_for_update().get(pk=service.pk)
        for key in usable_keys(service=service).order_by("-is_in_use", "-pk"):
            secret = _decrypt(key)
            if secret:
                use_key(service=service, key=key, cause=Cause.UNREADABLE, was_tested=False)
                return key, secret
    if usable_keys(service=service).exists():
        raise NoKey("No stored API key can be decrypted with FIELD_ENCRYPTION_KEYS.")
    raise NoKey("No API key is in use. Type one in, or run connect_service.")


def _decrypt(key: ApiKey | None) -> str:
    try:
        return key.secret if key is not None else ""
    except CannotDecrypt:
        return ""
