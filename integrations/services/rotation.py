"""Replace the key in use: a saga of small steps, each written down, that any process may resume."""

import secrets
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.services.alerts import alert_administrators
from audit.record import record
from background.backoff import next_attempt
from background.due import from_now, is_free
from background.jobs import schedule
from background.leases import (
    MAX_ATTEMPTS,
    DeadlineExceeded,
    Lease,
    LeaseLost,
    acquire,
    finish,
    holding,
    release,
)
from integrations.clarius import errors
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services import circuit
from integrations.services.clients import NoKey
from integrations.services.rotation_steps import SCHEDULE, STEPS, CannotGoOn, NotYet, NotYetKnown, clean_up
from integrations.services.turns import look_again

Step = KeyRotation.Step
DEADLINE_SECONDS = 5 * 60
# Doublings from ten seconds: the Cloud is asked again within some minutes for as long as it is away.
PATIENCE = 5
# What has not come to its end by then needs a person.
LONGEST = timedelta(days=1)


class CannotRotate(Exception):
    """No replacement was begun or ended; the message is one sentence for the reader."""


class RotationUnderWay(CannotRotate):
    """The service's key is being replaced already."""


def start_rotation(
    *, service: Service, cause: str, user: User | None = None, address: str | None = None
) -> KeyRotation:
    """Write down that the key in use is to be replaced, and make it due; raises CannotRotate."""
    audit = partial(
        record,
        action="api_key.rotation_started",
        actor=user,
        target=service,
        address=address,
        cause=cause,
    )
    if Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False).exists():
        audit(outcome="refused")
        raise CannotRotate("No stored key works, so none can be made with it. Type in one that works.")
    name = f"portal {timezone.now():%Y-%m-%d} {secrets.token_hex(6)}"
    try:
        with transaction.atomic():
            rotation = KeyRotation.objects.create(
                service=service, name=name, cause=cause, not_before=from_now()
            )
            audit()
    except IntegrityError:
        audit(outcome="refused")
        raise RotationUnderWay("The API key of this service is being replaced already.") from None
    return rotation


def open_rotation(*, service: Service) -> KeyRotation | None:
    """Return the rotation that has not ended yet, or None."""
    return KeyRotation.objects.filter(service=service).exclude(step__in=KeyRotation.ENDED).first()


def rotate_key(*, pk: int) -> None:
    """Take a rotation as far as it goes now; does nothing when it is not due or another worker holds it."""
    lease = acquire(model=KeyRotation, pk=pk)
    if lease is None:
        return
    rotation = KeyRotation.objects.select_related("service").get(pk=pk)
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS) as held:
            while rotation.step not in KeyRotation.ENDED:
                held.check()
                if not _advance(rotation=rotation, lease=lease):
                    return
            finish(lease=lease)
    except LeaseLost:
        return
    except DeadlineExceeded:
        release(lease=lease, not_before=from_now())


def _advance(*, rotation: KeyRotation, lease: Lease) -> bool:
    """Do one step; False when the row was given up, for later or for good."""
    if lease.attempt > MAX_ATTEMPTS:
        _give_up(rotation=rotation, lease=lease, reason="It was tried too often without success.")
        return False
    try:
        STEPS[Step(rotation.step)](rotation=rotation, lease=lease)
    except NotYet as wait:
        release(lease=lease, not_before=from_now(seconds=wait.seconds), count_attempt=False, problem="")
    except NotYetKnown:
        _wait(
            rotation=rotation,
            lease=lease,
            problem="Clarius Cloud does not accept the new key yet.",
            is_counted=True,
        )
    except CannotGoOn as error:
        _give_up(rotation=rotation, lease=lease, reason=str(error))
    except NoKey as error:
        _wait(rotation=rotation, lease=lease, problem=str(error))
    except errors.ClariusError as error:
        _judge(rotation=rotation, lease=lease, error=error)
    else:
        return True
    return False


def _judge(*, rotation: KeyRotation, lease: Lease, error: errors.ClariusError) -> None:
    if isinstance(error, errors.KeyRefused) and circuit.key_is_refused(service=rotation.service):
        _wait(rotation=rotation, lease=lease, problem=circuit.SENTENCE)
    elif isinstance(error, errors.KeyRefused | errors.Rejected) and not error.retryable:
        _give_up(rotation=rotation, lease=lease, reason=error.message)
    else:
        _wait(
            rotation=rotation,
            lease=lease,
            problem=error.message,
            retry_after=error.retry_after,
            is_counted=not error.retryable,
        )


def _wait(
    *,
    rotation: KeyRotation,
    lease: Lease,
    problem: str,
    retry_after: timedelta | None = None,
    is_counted: bool = False,
) -> None:
    """Try again later, though not for ever; that the Cloud is away is no attempt of ours."""
    if timezone.now() - rotation.created_at > LONGEST:
        _give_up(rotation=rotation, lease=lease, reason=f"It could not go on for a day. {problem}")
        return
    until = next_attempt(now=timezone.now(), attempt=PATIENCE, retry_after=retry_after)
    release(lease=lease, not_before=until, count_attempt=is_counted, problem=problem[:300])


def _give_up(*, rotation: KeyRotation, lease: Lease, reason: str) -> None:
    """End without success: the old key stays unless the new one is in use already."""
    with transaction.atomic():
        finish(lease=lease, step=Step.FAILED, ended_at=timezone.now(), problem=reason[:300])
        outcome: dict[str, Any] = {"old": rotation.old_prefix, "new": rotation.new_prefix}
        record(action="api_key.rotation_failed", outcome="failed", target=rotation.service, **outcome)
        alert_administrators(
            check="key-rotation-failed",
            subject=f"The API key of {rotation.service.name} could not be replaced",
            body=f"{reason}\n{_in_use(rotation)}",
        )
    clean_up(rotation=rotation)
    look_again(service=rotation.service)


def cancel_rotation(*, rotation: KeyRotation, user: User, address: str | None) -> None:
    """End a replacement that does not go on; the key in use stays. Raises CannotRotate."""
    told: dict[str, Any] = {"old": rotation.old_prefix, "new": rotation.new_prefix}
    audit = partial(
        record,
        action="api_key.rotation_cancelled",
        actor=user,
        target=rotation.service,
        address=address,
        **told,
    )
    with transaction.atomic():
        rows = KeyRotation.objects.filter(is_free(), pk=rotation.pk).exclude(step__in=KeyRotation.ENDED)
        ended = rows.update(
            step=Step.FAILED,
            ended_at=timezone.now(),
            problem="A person cancelled it.",
            not_before=None,
            nudged_until=None,
        )
        audit(outcome="ok" if ended else "refused")
    if not ended:
        raise CannotRotate("It goes on at this moment, or has ended. Look again in a moment.")
    rotation.refresh_from_db()
    clean_up(rotation=rotation)
    look_again(service=rotation.service)


def retry_rotation(*, rotation: KeyRotation, user: User | None, address: str | None) -> None:
    """Make a waiting rotation due now."""
    with transaction.atomic():
        schedule(model=KeyRotation, pk=rotation.pk)
        record(action="api_key.rotation_resumed", actor=user, target=rotation.service, address=address)


def rotate_if_old(*, service: Service, days: int) -> KeyRotation | None:
    """Start a rotation when the key in use is older than `days`; 0 means never."""
    key = ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).first()
    # It may have been paused since it was read.
    is_active = Service.objects.filter(pk=service.pk, is_active=True).exists()
    if days <= 0 or key is None or not is_active:
        return None
    now = timezone.now()
    age = now - (key.in_use_since or key.created_at)
    latest = KeyRotation.objects.filter(service=service).first()
    # One that failed is not begun anew with each look.
    is_fresh = latest is not None and (now - latest.created_at).days < 1
    if age.days < days or is_fresh:
        return None
    try:
        return start_rotation(service=service, cause=SCHEDULE)
    except CannotRotate:
        return None


def _in_use(rotation: KeyRotation) -> str:
    keys = ApiKey.objects.filter(service=rotation.service, is_in_use=True, revoked_at=None)
    prefix = keys.values_list("prefix", flat=True).first()
    if prefix is None:
        return "No key is in use."
    if prefix == rotation.new_prefix:
        return "The new key is in use; the old one was not revoked."
    return f"The key {prefix}… stays in use."
