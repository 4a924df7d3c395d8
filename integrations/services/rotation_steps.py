"""The steps of replacing a key; each may be done again, and each ends with one write."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from audit.record import record
from background.due import is_free
from background.jobs import jobs
from background.leases import Lease, LeaseLost, renew
from background.models import LeasedRow
from integrations.clarius import ClariusClient, errors
from integrations.encryption import CannotDecrypt
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.clients import NoKey, client_for, client_with
from integrations.services.turns import look_again

Step = KeyRotation.Step
# What is not done by a worker (an administrator's page) ends within twice the deadline of one call.
SETTLE = timedelta(minutes=2)
# No work takes longer than its own deadline, whatever its row says.
LONGEST_WORK = timedelta(minutes=65)
LOOK_EVERY_SECONDS = 10.0
SCHEDULE = "schedule"


class CannotGoOn(Exception):
    """This rotation ends here; the message is one sentence for the reader."""


class NotYet(Exception):
    """The next step has to wait for some seconds."""

    def __init__(self, *, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NotYetKnown(Exception):
    """The new key is not accepted yet; that counts as an attempt."""


def make_key(*, rotation: KeyRotation, lease: Lease) -> None:
    """Create the new key and store it; one of our name whose secret was lost is revoked before."""
    if rotation.cause == SCHEDULE and not rotation.service.is_active:
        raise CannotGoOn("The service is paused.")
    with client_for(service=rotation.service) as client:
        _revoke_strangers(client, rotation, lease=lease)
        _keep(lease)
        created = client.create_api_key(name=rotation.name)
    old = ApiKey.objects.filter(service=rotation.service, is_in_use=True).values_list("prefix", flat=True)
    with transaction.atomic():
        ApiKey.objects.create(
            service=rotation.service,
            prefix=created.prefix,
            name=rotation.name[:100],
            secret=created.key.reveal(),
        )
        _move(rotation, lease, step=Step.STORED, new_prefix=created.prefix, old_prefix=old.first() or "")
        record(action="api_key.created", target=rotation.service, prefix=created.prefix)


def prove_new_key(*, rotation: KeyRotation, lease: Lease) -> None:
    """Make a call with the new key."""
    try:
        with _client_with_new_key(rotation) as client:
            client.get_settings()
    except errors.KeyRefused:
        if lease.attempt < 3:
            # A new key may take a moment to be known everywhere.
            raise NotYetKnown from None
        raise CannotGoOn("Clarius Cloud does not accept the key that it has just made.") from None
    _move(rotation, lease, step=Step.PROVEN)


def switch(*, rotation: KeyRotation, lease: Lease) -> None:
    """Use the new key from now on; every job reads the key in use anew."""
    now = timezone.now()
    with transaction.atomic():
        Service.objects.select_for_update().get(pk=rotation.service_id)
        keys = ApiKey.objects.filter(service=rotation.service_id, revoked_at=None)
        if not keys.filter(prefix=rotation.new_prefix).exists():
            raise CannotGoOn("The new key is not stored any more.")
        keys.filter(is_in_use=True).exclude(prefix=rotation.new_prefix).update(is_in_use=False)
        keys.filter(prefix=rotation.new_prefix).update(is_in_use=True, in_use_since=now)
        _move(rotation, lease, step=Step.SWITCHED, switched_at=now)
        record(
            action="api_key.switched",
            target=rotation.service,
            prefix=rotation.new_prefix,
            former=rotation.old_prefix,
        )


def note_held_rows(*, rotation: KeyRotation, lease: Lease) -> None:
    """Write down what workers hold just after the switch: some of it may still call with the old key."""
    held = [
        [job.model._meta.label, pk, token]
        for job in jobs()
        for pk, token in job.model._base_manager.exclude(is_free()).values_list("pk", "lease_token")
        if (job.model, pk) != (KeyRotation, rotation.pk)
    ]
    _move(rotation, lease, step=Step.DRAINING, held_rows=held)


def revoke_old_key(*, rotation: KeyRotation, lease: Lease) -> None:
    """Revoke the old key with the new one when nothing uses it any more, then look that none is left over."""
    _refuse_in_use(rotation)
    _wait_for_calls(rotation)
    with _client_with_new_key(rotation) as client:
        if rotation.old_prefix:
            _keep(lease)
            _revoke_set_aside(client, rotation)
        _revoke_strangers(client, rotation, lease=lease)
    with transaction.atomic():
        ApiKey.objects.filter(service=rotation.service, prefix=rotation.old_prefix).update(
            revoked_at=Now(), is_in_use=False, secret=""
        )
        _move(rotation, lease, step=Step.DONE, ended_at=timezone.now(), problem="")
        look_again(service=rotation.service)
        record(
            action="api_key.rotated",
            target=rotation.service,
            prefix=rotation.new_prefix,
            former=rotation.old_prefix,
        )


STEPS: dict[Step, Callable[..., None]] = {
    Step.INTENDED: make_key,
    Step.STORED: prove_new_key,
    Step.PROVEN: switch,
    Step.SWITCHED: note_held_rows,
    Step.DRAINING: revoke_old_key,
}


def clean_up(*, rotation: KeyRotation) -> None:
    """Revoke what a rotation made in vain, as far as the Cloud can be asked; the key list shows the rest."""
    made = ApiKey.objects.filter(service=rotation.service, prefix=rotation.new_prefix)
    with transaction.atomic():
        Service.objects.select_for_update().get(pk=rotation.service_id)
        # It may be in use although the rotation never came so far: it worked when the old one did not.
        if rotation.switched_at or made.filter(is_in_use=True).exists():
            return
        # Withdrawn here first, so that nothing begins to use it meanwhile.
        made.update(revoked_at=Now())
    try:
        with client_for(service=rotation.service) as client:
            _revoke_strangers(client, rotation, lease=None)
    except (errors.ClariusError, NoKey):
        made.update(revoked_at=None)
        return
    made.update(secret="")


def _revoke_strangers(client: ClariusClient, rotation: KeyRotation, *, lease: Lease | None) -> None:
    """Revoke keys of our unique name except the one that is stored; without a lease that one as well."""
    kept = rotation.new_prefix if lease else None
    for key in client.list_api_keys():
        if key.name == rotation.name and key.prefix != kept:
            if lease:
                _keep(lease)
            client.revoke_api_key(prefix=key.prefix)


def _keep(lease: Lease) -> None:
    """Hold the row for longer than the call that follows takes; raises LeaseLost.

    Whoever was stopped for long enough has lost the row to another worker, whose new key would look like
    one of ours that is left over.
    """
    renew(lease=lease)


def _revoke_set_aside(client: ClariusClient, rotation: KeyRotation) -> None:
    """Withdraw the old key here, so that nothing begins to use it meanwhile, then revoke it at the Cloud."""
    old = ApiKey.objects.filter(service=rotation.service_id, prefix=rotation.old_prefix)
    with transaction.atomic():
        Service.objects.select_for_update().get(pk=rotation.service_id)
        # It may have come into use since the first look, which was before the wait.
        _refuse_in_use(rotation)
        old.filter(revoked_at=None).update(revoked_at=Now())
    try:
        _revoke(client, rotation.old_prefix)
    except (errors.ClariusError, CannotGoOn):
        # It may work: a key that is refused does no harm in reserve.
        old.exclude(secret="").update(revoked_at=None)
        raise


def _refuse_in_use(rotation: KeyRotation) -> None:
    if ApiKey.objects.filter(
        service=rotation.service_id, prefix=rotation.old_prefix, is_in_use=True
    ).exists():
        raise CannotGoOn("The old key is in use again, so it was not revoked.")


def _revoke(client: ClariusClient, prefix: str) -> None:
    """Revoke the old key; raises CannotGoOn when the Cloud refuses although it still lists it."""
    try:
        client.revoke_api_key(prefix=prefix)
    except (errors.KeyRefused, errors.Rejected):
        if any(key.prefix == prefix for key in client.list_api_keys()):
            raise CannotGoOn("Clarius Cloud refuses to revoke the old key.") from None


def _client_with_new_key(rotation: KeyRotation) -> ClariusClient:
    try:
        secret = ApiKey.objects.get(service=rotation.service_id, prefix=rotation.new_prefix).secret
    except CannotDecrypt:
        raise CannotGoOn("The new key cannot be opened with FIELD_ENCRYPTION_KEYS.") from None
    except ApiKey.DoesNotExist:
        raise CannotGoOn("The new key is not stored any more.") from None
    return client_with(base_url=rotation.service.base_url, secret=secret)


def _wait_for_calls(rotation: KeyRotation) -> None:
    since = timezone.now() - (rotation.switched_at or rotation.created_at)
    if since >= LONGEST_WORK:
        return
    if since < SETTLE:
        raise NotYet(seconds=max((SETTLE - since).total_seconds(), 1.0))
    models: dict[str, type[LeasedRow]] = {job.model._meta.label: job.model for job in jobs()}
    for label, pk, token in rotation.held_rows:
        model = models.get(label)
        if model is None:
            continue
        if model._base_manager.exclude(is_free()).filter(pk=pk, lease_token=token).exists():
            raise NotYet(seconds=LOOK_EVERY_SECONDS)


def _move(rotation: KeyRotation, lease: Lease, **changes: Any) -> None:
    """Write the step, if the row is still ours; raises LeaseLost."""
    rows = KeyRotation.objects.filter(pk=rotation.pk, lease_token=lease.token, lease_until__isnull=False)
    if not rows.update(**changes):
        raise LeaseLost(str(lease))
    for name, value in changes.items():
        setattr(rotation, name, value)
