"""The service's keys, there and here: list, make, type in, revoke; no secret leaves this layer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import User
from audit.record import record
from background.jobs import schedule
from integrations.clarius import CreatedKey, errors
from integrations.models import ApiKey, KeyRotation, RemoteState, Service
from integrations.services.clients import NoKey, client_for
from integrations.services.credentials import KeyNotProven, prove_key, store_key

IN_USE, RETIRING, STANDBY, ELSEWHERE, REVOKED, UNKNOWN_THERE = (
    "in use",
    "being replaced",
    "standby",
    "only at the Cloud",
    "revoked",
    "not at the Cloud",
)


class KeyProblem(Exception):
    """Nothing was done; the message is one sentence for the reader."""


@dataclass(frozen=True)
class KeyRow:
    """One key as the Cloud and the portal know it together."""

    prefix: str
    name: str
    state: str
    created_at: datetime | None
    last_used_at: datetime | None
    in_use_since: datetime | None = None

    @property
    def can_be_revoked(self) -> bool:
        """Whether it exists at the Cloud and nothing here depends on it."""
        return self.state in (STANDBY, ELSEWHERE)


def list_keys(*, service: Service) -> list[KeyRow]:
    """Join what the Cloud listed last with what is stored here; makes no call."""
    state = RemoteState.objects.filter(service=service).first()
    listed = {each["prefix"]: each for each in (state.keys if state else [])}
    is_read = state is not None and state.read_at is not None
    retiring = set(_open_rotations(service).values_list("old_prefix", flat=True))
    rows = [
        _joined(key, listed.pop(key.prefix, None), is_read=is_read, is_retiring=key.prefix in retiring)
        for key in ApiKey.objects.filter(service=service)
        .defer("secret")
        .order_by("-is_in_use", "-created_at")
    ]
    rows += [
        KeyRow(prefix, each["name"], ELSEWHERE, parse_datetime(each["created"]), None)
        for prefix, each in listed.items()
    ]
    order = [IN_USE, RETIRING, STANDBY, ELSEWHERE, UNKNOWN_THERE, REVOKED]
    return sorted(rows, key=lambda row: order.index(row.state))


def create_key(*, service: Service, name: str, user: User, address: str | None) -> ApiKey:
    """Make a key at the Cloud and keep it as a reserve; raises KeyProblem."""
    name = name.strip()
    if not 1 <= len(name) <= 50:
        raise KeyProblem("The name may have 1 to 50 characters.")
    try:
        created = _create(service=service, name=name)
    except KeyProblem:
        record(action="api_key.created", outcome="refused", actor=user, target=service, address=address)
        raise
    with transaction.atomic():
        key = ApiKey.objects.create(
            service=service, prefix=created.prefix, name=name, secret=created.key.reveal()
        )
        record(action="api_key.created", actor=user, target=service, address=address, prefix=created.prefix)
        _look_again(service)
    return key


def add_typed_key(
    *, service: Service, key: str, is_to_be_used: bool, user: User, address: str | None
) -> ApiKey:
    """Prove a key that a person typed and store it, in use or as a reserve; raises KeyProblem."""
    try:
        prove_key(base_url=service.base_url, key=key)
    except KeyNotProven as error:
        raise KeyProblem(str(error)) from None
    has_one = ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).exists()
    with transaction.atomic():
        if is_to_be_used or not has_one:
            row = store_key(service=service, key=key)
            _close_circuit(service)
        else:
            prefix = key.partition(".")[0]
            row, _ = ApiKey.objects.update_or_create(
                service=service, prefix=prefix, defaults={"secret": key, "revoked_at": None}
            )
        record(action="api_key.typed", actor=user, target=service, address=address, prefix=row.prefix)
        _look_again(service)
    return row


def revoke_key(*, service: Service, prefix: str, user: User, address: str | None) -> None:
    """Revoke a key that is not in use; raises KeyProblem, and then it works as before."""
    _refuse_needed(service=service, prefix=prefix)
    try:
        with client_for(service=service) as client:
            client.revoke_api_key(prefix=prefix)
    except (errors.ClariusError, NoKey, ValueError) as error:
        record(
            action="api_key.revoked",
            outcome="refused",
            actor=user,
            target=service,
            address=address,
            prefix=prefix[:40],
        )
        message = "The prefix is empty." if isinstance(error, ValueError) else str(error)
        raise KeyProblem(f"The key was not revoked. {message}") from None
    with transaction.atomic():
        ApiKey.objects.filter(service=service, prefix=prefix).update(revoked_at=Now(), secret="")
        state = RemoteState.objects.select_for_update().filter(service=service).first()
        if state is not None:
            kept = [each for each in state.keys if each["prefix"] != prefix]
            RemoteState.objects.filter(pk=state.pk).update(keys=kept)
        record(action="api_key.revoked", actor=user, target=service, address=address, prefix=prefix[:40])


def _joined(key: ApiKey, there: dict[str, Any] | None, *, is_read: bool, is_retiring: bool) -> KeyRow:
    if key.revoked_at:
        state = REVOKED
    elif key.is_in_use:
        state = IN_USE
    elif is_retiring:
        state = RETIRING
    else:
        state = STANDBY if there or not is_read else UNKNOWN_THERE
    created = parse_datetime(there["created"]) if there else key.created_at
    name = key.name or (there["name"] if there else "")
    return KeyRow(key.prefix, name, state, created, key.last_used_at, key.in_use_since)


def _create(*, service: Service, name: str) -> CreatedKey:
    try:
        with client_for(service=service) as client:
            if any(key.name == name for key in client.list_api_keys()):
                raise KeyProblem("Clarius Cloud has a key of this name already; choose another.")
            try:
                return client.create_api_key(name=name)
            except errors.Rejected:
                raise
            except errors.ClariusError:
                # The key may have been made, and its secret is lost with the answer.
                for key in client.list_api_keys():
                    if key.name == name:
                        client.revoke_api_key(prefix=key.prefix)
                raise
    except (errors.ClariusError, NoKey) as error:
        raise KeyProblem(f"No key was made. {error}") from None


def _refuse_needed(*, service: Service, prefix: str) -> None:
    if ApiKey.objects.filter(service=service, prefix=prefix, is_in_use=True).exists():
        raise KeyProblem("This key is in use. Replace it instead: that revokes it at the end.")
    rotations = _open_rotations(service)
    if rotations.filter(new_prefix=prefix).exists() or rotations.filter(old_prefix=prefix).exists():
        raise KeyProblem("This key is part of a replacement that is under way.")


def _open_rotations(service: Service) -> QuerySet[KeyRotation]:
    return KeyRotation.objects.filter(service=service).exclude(step__in=KeyRotation.ENDED)


def _close_circuit(service: Service) -> None:
    Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False).update(
        circuit_opened_at=None, circuit_probe_at=None, last_error="", last_error_at=None
    )
    Service.objects.filter(pk=service.pk).update(full_poll_due_at=timezone.now())
    schedule(model=Service, pk=service.pk)


def _look_again(service: Service) -> None:
    schedule(queryset=RemoteState.objects.filter(service=service))
