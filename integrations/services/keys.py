"""What people do with the service's keys: make, type in, use, revoke; no secret leaves this layer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from audit.record import record
from background.jobs import schedule
from integrations.clarius import ClariusClient, CreatedKey, errors
from integrations.encryption import CannotDecrypt
from integrations.models import ApiKey, RemoteState, Service
from integrations.services import circuit
from integrations.services.clients import NoKey, client_for
from integrations.services.credentials import KeyNotProven, prove_key, store_key
from integrations.services.key_list import open_rotations
from integrations.services.remote_state import CannotRead, read_now
from integrations.services.turns import NotNow, cloud_turn, look_again

BEING_REPLACED = "The key in use is being replaced. Wait until that is over."


class KeyProblem(Exception):
    """Nothing was done; the message is one sentence for the reader."""


class OutcomeUnknown(KeyProblem):
    """It may have been done at the Cloud or not; nothing was changed here."""


def create_key(*, service: Service, name: str, user: User, address: str | None) -> ApiKey:
    """Make a key at the Cloud and keep it as a reserve; raises KeyProblem."""
    audit = partial(record, action="api_key.created", actor=user, target=service, address=address)
    name = name.strip()
    with _told(audit), _turn(service):
        if not 1 <= len(name) <= 50:
            raise KeyProblem("The name may have 1 to 50 characters.")
        created = _create(service=service, name=name)
        with transaction.atomic():
            key = ApiKey.objects.create(
                service=service, prefix=created.prefix, name=name, secret=created.key.reveal()
            )
            audit(prefix=created.prefix)
    _read_again(service)
    return key


def add_typed_key(
    *, service: Service, key: str, is_to_be_used: bool, user: User, address: str | None
) -> ApiKey:
    """Prove a key that a person typed and store it, in use or as a reserve; raises KeyProblem."""
    audit = partial(record, action="api_key.typed", actor=user, target=service, address=address)
    with _told(audit):
        try:
            prove_key(base_url=service.base_url, key=key)
        except KeyNotProven as error:
            raise KeyProblem(str(error)) from None
        with transaction.atomic():
            row = _store_typed(service=service, key=key, is_to_be_used=is_to_be_used)
            audit(prefix=row.prefix)
    _read_again(service)
    return row


def _store_typed(*, service: Service, key: str, is_to_be_used: bool) -> ApiKey:
    """Store a proven key; raises KeyProblem for one that is part of a replacement under way."""
    Service.objects.select_for_update().get(pk=service.pk)
    prefix = key.partition(".")[0]
    if open_rotations(service=service).filter(Q(old_prefix=prefix) | Q(new_prefix=prefix)).exists():
        raise KeyProblem(BEING_REPLACED)
    if is_to_be_used or not ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).exists():
        row = store_key(service=service, key=key)
        circuit.close(service=service)
        _poll_everything(service)
        return row
    row, _ = ApiKey.objects.update_or_create(
        service=service, prefix=prefix, defaults={"secret": key, "revoked_at": None}
    )
    return row


def use_key(*, service: Service, prefix: str, user: User, address: str | None) -> None:
    """Use a reserve from now on, proven by a call with it; raises KeyProblem, and then nothing changed."""
    told: dict[str, Any] = {"action": "api_key.switched", "actor": user, "target": service}
    told |= {"address": address, "prefix": prefix[:40]}
    with _told(partial(record, **told)):
        _prove_reserve(service=service, prefix=prefix)
        with transaction.atomic():
            former = _switch(service=service, prefix=prefix)
            circuit.close(service=service)
            _poll_everything(service)
            look_again(service=service)
            record(**told, former=former)


def revoke_key(*, service: Service, prefix: str, user: User, address: str | None) -> None:
    """Revoke a key that is not in use; raises KeyProblem, and then it works as before or nobody knows."""
    told: dict[str, Any] = {"action": "api_key.revoked", "actor": user, "target": service}
    told |= {"address": address, "prefix": prefix[:40]}
    with _told(partial(record, **told)), _turn(service):
        _set_aside(service=service, prefix=prefix)
        try:
            _revoke(service=service, prefix=prefix)
        except KeyProblem:
            # It may work: a key that is refused does no harm in reserve.
            ApiKey.objects.filter(service=service, prefix=prefix).exclude(secret="").update(revoked_at=None)
            raise
        with transaction.atomic():
            ApiKey.objects.filter(service=service, prefix=prefix).update(revoked_at=Now(), secret="")
            state = RemoteState.objects.select_for_update().filter(service=service).first()
            if state is not None:
                kept = [each for each in state.keys if each["prefix"] != prefix]
                RemoteState.objects.filter(pk=state.pk).update(keys=kept)
            record(**told)


def check_revocation(*, service: Service, prefix: str, user: User, address: str | None) -> None:
    """Raise KeyProblem for a key that is needed, before a person is asked whether it is meant."""
    told: dict[str, Any] = {"action": "api_key.revoked", "actor": user, "target": service}
    with _told(partial(record, **told, address=address, prefix=prefix[:40])):
        _refuse_needed(service=service, prefix=prefix)


@contextmanager
def _told(audit: Callable[..., Any]) -> Iterator[None]:
    """Write into the audit log what was not done, or is not known; what was done is told where it is done."""
    try:
        yield
    except KeyProblem as error:
        audit(outcome="unknown" if isinstance(error, OutcomeUnknown) else "refused")
        raise


@contextmanager
def _turn(service: Service) -> Iterator[None]:
    try:
        with cloud_turn(service=service):
            yield
    except NotNow as error:
        raise KeyProblem(str(error)) from None
    except OutcomeUnknown:
        look_again(service=service)
        raise


def _create(*, service: Service, name: str) -> CreatedKey:
    try:
        with client_for(service=service) as client:
            before = client.list_api_keys()
            if any(key.name == name for key in before):
                raise KeyProblem("Clarius Cloud has a key of this name already; choose another.")
            try:
                return client.create_api_key(name=name)
            except (errors.Rejected, errors.KeyRefused, errors.NotFound, errors.Throttled):
                raise
            except errors.ClariusError as error:
                _revoke_lost(client, name=name)
                raise KeyProblem(f"No key was made. {error}") from None
    except (errors.ClariusError, NoKey) as error:
        raise KeyProblem(f"No key was made. {error}") from None


def _revoke_lost(client: ClariusClient, *, name: str) -> None:
    """Revoke the key that may have been made: its secret is lost with the answer. Raises OutcomeUnknown."""
    try:
        for key in client.list_api_keys():
            # Nobody else makes keys meanwhile, and none had this name before.
            if key.name == name:
                client.revoke_api_key(prefix=key.prefix)
    except errors.ClariusError:
        raise OutcomeUnknown(
            "Clarius Cloud gave no answer, so whether a key was made is not known. The list is read again by "
            "itself. A key of this name that is shown there as “only at the Cloud” is of no use: revoke it."
        ) from None


def _revoke(*, service: Service, prefix: str) -> None:
    try:
        with client_for(service=service) as client:
            try:
                client.revoke_api_key(prefix=prefix)
            except (errors.Rejected, errors.KeyRefused, errors.Throttled):
                raise
            except errors.ClariusError as error:
                if _is_listed(client, prefix=prefix):
                    raise error from None
    except (errors.ClariusError, NoKey, ValueError) as error:
        # ValueError: "." and ".." would leave the path.
        message = "It is no prefix of a key." if isinstance(error, ValueError) else str(error)
        raise KeyProblem(f"The key was not revoked. {message}") from None


def _is_listed(client: ClariusClient, *, prefix: str) -> bool:
    try:
        return any(key.prefix == prefix for key in client.list_api_keys())
    except errors.ClariusError:
        raise OutcomeUnknown(
            "Clarius Cloud gave no answer, so whether the key was revoked is not known. "
            "The list is read again by itself; revoke it once more if it is still there."
        ) from None


def _prove_reserve(*, service: Service, prefix: str) -> None:
    key = _reserve(service=service, prefix=prefix)
    try:
        prove_key(base_url=service.base_url, key=key.secret)
    except CannotDecrypt:
        raise KeyProblem(
            "This key cannot be opened with FIELD_ENCRYPTION_KEYS. Type it in once more."
        ) from None
    except KeyNotProven as error:
        said = "Clarius Cloud does not accept this one. Choose another, or type one in."
        raise KeyProblem(f"The key in use stays. {said if error.is_key_at_fault else error}") from None


def _switch(*, service: Service, prefix: str) -> str:
    """Put the reserve into use and return the former key's prefix; looks again, since the call took time."""
    Service.objects.select_for_update().get(pk=service.pk)
    key = _reserve(service=service, prefix=prefix)
    in_use = ApiKey.objects.filter(service=service, is_in_use=True)
    former = in_use.values_list("prefix", flat=True).first()
    in_use.update(is_in_use=False)
    ApiKey.objects.filter(pk=key.pk).update(is_in_use=True, in_use_since=timezone.now())
    return former or ""


def _reserve(*, service: Service, prefix: str) -> ApiKey:
    """Return the stored key that may be put into use; raises KeyProblem."""
    if open_rotations(service=service).exists():
        raise KeyProblem(BEING_REPLACED)
    key = ApiKey.objects.filter(service=service, prefix=prefix, revoked_at=None).first()
    if key is None:
        raise KeyProblem("This key is not stored here any more. Type it in, or choose another.")
    if key.is_in_use:
        raise KeyProblem("This key is in use already.")
    return key


def _set_aside(*, service: Service, prefix: str) -> None:
    """Withdraw the key here first, so that nothing begins to use it meanwhile; raises KeyProblem."""
    with transaction.atomic():
        Service.objects.select_for_update().get(pk=service.pk)
        _refuse_needed(service=service, prefix=prefix)
        ApiKey.objects.filter(service=service, prefix=prefix, revoked_at=None).update(revoked_at=Now())


def _refuse_needed(*, service: Service, prefix: str) -> None:
    if not prefix:
        raise KeyProblem("The prefix is empty.")
    if ApiKey.objects.filter(service=service, prefix=prefix, is_in_use=True).exists():
        raise KeyProblem("This key is in use. Replace it instead: that revokes it at the end.")
    rotations = open_rotations(service=service)
    if rotations.filter(new_prefix=prefix).exists() or rotations.filter(old_prefix=prefix).exists():
        raise KeyProblem("This key is part of a replacement that is under way.")


def _poll_everything(service: Service) -> None:
    Service.objects.filter(pk=service.pk).update(full_poll_due_at=timezone.now())
    schedule(model=Service, pk=service.pk)


def _read_again(service: Service) -> None:
    """Read the list, so that what was just stored stands in it; at the latest the next look does."""
    try:
        read_now(service=service)
    except CannotRead:
        look_again(service=service)
