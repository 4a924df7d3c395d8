"""Create, add, use and revoke the service's keys for a person; no secret leaves this layer."""

from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from background.due import schedule
from foundation.crypto import CannotDecrypt
from integrations import keyring
from integrations.clarius import CreatedKey, RemoteKey, key_problem
from integrations.cloud import PAGE, CloudProblem, cloud
from integrations.keyring import Cause
from integrations.models import ApiKey, RemoteState, Service
from integrations.services.changing import NotDone, OutcomeUnknown, audited, changing
from integrations.services.keys.listing import open_rotation
from integrations.services.keys.proof import KeyNotProven, prove_key
from integrations.services.settings.remote_state import read_now

BEING_REPLACED = "The key in use is being replaced. Wait until that is over."


def create_key(*, service: Service, name: str, user: User, address: str | None) -> ApiKey:
    """Create a key at the Cloud and store it as a standby key; raises NotDone."""
    audit = partial(add_entry, action="api_key.created", actor=user, target=service, address=address)
    name = name.strip()
    with audited(audit), changing(service):
        if not 1 <= len(name) <= 50:
            raise NotDone("The name may have 1 to 50 characters.")
        created = _create_at_cloud(service=service, name=name)
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
    """Test a key that a person entered and store it, in use or as a standby key; raises NotDone."""
    audit = partial(add_entry, action="api_key.typed", actor=user, target=service, address=address)
    with audited(audit):
        try:
            prove_key(base_url=service.base_url, key=key)
        except KeyNotProven as error:
            raise NotDone(str(error)) from None
        with transaction.atomic():
            row = _store_typed(service=service, key=key)
            audit(prefix=row.prefix)
            if is_to_be_used or keyring.key_in_use(service=service) is None:
                keyring.use_key(service=service, key=row, cause=Cause.STORED, actor=user, address=address)
                _poll_everything(service)
    _read_again(service)
    return row


def _store_typed(*, service: Service, key: str) -> ApiKey:
    """Store a tested key; raises NotDone for one that is part of a rotation in progress."""
    Service.objects.select_for_update().get(pk=service.pk)
    prefix = key.partition(".")[0]
    if _is_rotating(service, prefix):
        raise NotDone(BEING_REPLACED)
    return keyring.store_key(service=service, key=key)


def use_key(*, service: Service, prefix: str, user: User, address: str | None) -> None:
    """Test a standby key and use it from now on; raises NotDone, and then nothing was changed."""
    about: dict[str, Any] = {"target": service, "address": address, "prefix": prefix[:40]}
    with audited(partial(add_entry, action="api_key.switched", actor=user, **about)):
        _prove_standby(service=service, prefix=prefix)
        with transaction.atomic():
            Service.objects.select_for_update().get(pk=service.pk)
            # Checked again, since the call took time.
            key = _standby(service=service, prefix=prefix)
            keyring.use_key(service=service, key=key, cause=Cause.PERSON, actor=user, address=address)
            _poll_everything(service)
            schedule(RemoteState.objects.filter(service=service))


def revoke_key(*, service: Service, prefix: str, user: User, address: str | None) -> None:
    """Revoke a key that is not in use; raises NotDone, and OutcomeUnknown if the answer was lost."""
    about: dict[str, Any] = {"target": service, "address": address, "prefix": prefix[:40]}
    audit = partial(add_entry, action="api_key.revoked", actor=user, **about)
    check = partial(_refuse_if_needed, service=service, prefix=prefix)
    with audited(audit), changing(service):
        with keyring.withdrawn(service=service, prefix=prefix, check=check):
            _revoke_at_cloud(service=service, prefix=prefix)
        with transaction.atomic():
            state = RemoteState.objects.select_for_update().filter(service=service).first()
            if state is not None:
                kept = [each for each in state.keys if each["prefix"] != prefix]
                RemoteState.objects.filter(pk=state.pk).update(keys=kept)
            audit()


def check_revocation(*, service: Service, prefix: str, user: User, address: str | None) -> None:
    """Raise NotDone for a key that is needed, before a person is asked to confirm."""
    about: dict[str, Any] = {"target": service, "address": address, "prefix": prefix[:40]}
    with audited(partial(add_entry, action="api_key.revoked", actor=user, **about)):
        _refuse_if_needed(service=service, prefix=prefix)


def _create_at_cloud(*, service: Service, name: str) -> CreatedKey:
    try:
        if name in {key.name for key in _list_at_cloud(service)}:
            raise NotDone("Clarius Cloud has a key of this name already. Choose another.")
        with cloud(service, rules=PAGE, always=True) as client:
            created = client.create_api_key(name=name)
    except CloudProblem as problem:
        if problem.may_be_done:
            _revoke_lost(service, name=name)
        raise NotDone(f"No key was created. {problem.quoted}") from None
    fault = key_problem(created.key.reveal())
    if fault:
        _revoke_lost(service, name=name)
        raise NotDone(f"Clarius Cloud sent a key that cannot be used, so it was revoked. {fault}")
    return created


def _list_at_cloud(service: Service) -> tuple[RemoteKey, ...]:
    with cloud(service, always=True) as client:
        return client.list_api_keys()


def _revoke_lost(service: Service, *, name: str) -> None:
    """Revoke a key that may have been created, since its secret was lost. Raises OutcomeUnknown."""
    try:
        # Nobody else creates keys during the lock, and no key had this name before.
        lost = [key.prefix for key in _list_at_cloud(service) if key.name == name]
        with cloud(service, always=True) as client:
            for prefix in lost:
                client.revoke_api_key(prefix=prefix)
    except CloudProblem:
        raise OutcomeUnknown(
            "Clarius Cloud gave no answer, so it is not known whether a key was created. The list is read "
            "again automatically. If it then shows a key of this name as “only at the Cloud”, revoke it: "
            "nobody has its secret."
        ) from None


def _revoke_at_cloud(*, service: Service, prefix: str) -> None:
    try:
        with cloud(service, rules=PAGE, always=True) as client:
            client.revoke_api_key(prefix=prefix)
    except ValueError:
        # The prefix would change the path of the call.
        raise NotDone("The key was not revoked. This is not the prefix of a key.") from None
    except CloudProblem as problem:
        if problem.may_be_done and not _is_listed(service, prefix=prefix):
            return
        raise NotDone(f"The key was not revoked. {problem.quoted}") from None


def _is_listed(service: Service, *, prefix: str) -> bool:
    try:
        return any(key.prefix == prefix for key in _list_at_cloud(service))
    except CloudProblem:
        raise OutcomeUnknown(
            "Clarius Cloud gave no answer, so it is not known whether the key was revoked. The list is read "
            "again automatically. Revoke the key again if it is still there."
        ) from None


def _prove_standby(*, service: Service, prefix: str) -> None:
    key = _standby(service=service, prefix=prefix)
    try:
        prove_key(base_url=service.base_url, key=key.secret)
    except CannotDecrypt:
        raise NotDone("This key cannot be decrypted with FIELD_ENCRYPTION_KEYS. Type it in again.") from None
    except KeyNotProven as error:
        refusal = "Clarius Cloud does not accept this one. Choose another, or type one in."
        raise NotDone(f"The key in use stays. {refusal if error.is_key_at_fault else error}") from None


def _standby(*, service: Service, prefix: str) -> ApiKey:
    """Return the stored key that may be put into use; raises NotDone."""
    if open_rotation(service=service) is not None:
        raise NotDone(BEING_REPLACED)
    key = keyring.usable_keys(service=service).filter(prefix=prefix).first()
    if key is None:
        raise NotDone("This key is not stored here any more. Type it in, or choose another.")
    if key.is_in_use:
        raise NotDone("This key is in use already.")
    return key


def _refuse_if_needed(*, service: Service, prefix: str) -> None:
    if not prefix:
        raise NotDone("The prefix is empty.")
    if ApiKey.objects.filter(service=service, prefix=prefix, is_in_use=True).exists():
        raise NotDone("This key is in use. Replace it instead: that revokes it at the end.")
    if _is_rotating(service, prefix):
        raise NotDone("This key is part of a replacement that is under way.")


def _is_rotating(service: Service, prefix: str) -> bool:
    rotation = open_rotation(service=service)
    return rotation is not None and prefix in (rotation.old_prefix, rotation.new_prefix)


def _poll_everything(service: Service) -> None:
    Service.objects.filter(pk=service.pk).update(full_poll_due_at=timezone.now())
    schedule(Service.objects.filter(pk=service.pk))


def _read_again(service: Service) -> None:
    """Read the list again so that it shows the change; after a failure the next reading does."""
    try:
        read_now(service=service)
    except CloudProblem:
        schedule(RemoteState.objects.filter(service=service))
