"""Rotate the key in use: a state machine of small stored steps that any process can resume."""

import secrets
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.services.alerts import alert_administrators
from audit.entries import add_entry
from background.due import from_now, is_free, schedule
from background.leases import Hold
from background.runner import Done, Job, Later, Outcome
from integrations import keyring
from integrations.cloud import CloudProblem, Means
from integrations.models import KeyRotation, RemoteState, Service
from integrations.services.keys.rotation_steps import SCHEDULE, STEPS, CannotContinue, clean_up

Step = KeyRotation.Step
# A person may be watching, so the Cloud is tried every few minutes while it is away.
LONGEST_WAIT = timedelta(minutes=3)
# A rotation that takes longer needs a person.
LONGEST = timedelta(days=1)


class CannotRotate(Exception):
    """No rotation was started or ended; the message is one sentence for the reader."""


class RotationUnderWay(CannotRotate):
    """A rotation of the service's key is in progress."""


def start_rotation(
    *, service: Service, cause: str, user: User | None = None, address: str | None = None
) -> KeyRotation:
    """Create a rotation of the key in use, due at once; raises CannotRotate."""
    audit = partial(
        add_entry,
        action="api_key.rotation_started",
        actor=user,
        target=service,
        address=address,
        cause=cause,
    )
    if Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False).exists():
        audit(outcome="refused")
        raise CannotRotate("No stored key works, so no new key can be created. Add a key that works.")
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


def _do_step(rotation: KeyRotation, hold: Hold) -> Outcome:
    """Do one step; the runner calls again at once for the next one."""
    try:
        return STEPS[Step(rotation.step)](rotation, hold)
    except CannotContinue as error:
        return _give_up(rotation, hold, reason=str(error))
    except CloudProblem as problem:
        if problem.means == Means.NEVER:
            return _give_up(rotation, hold, reason=str(problem))
        if timezone.now() - rotation.created_at > LONGEST:
            return _give_up(rotation, hold, reason=f"It could not continue for a day. {problem}")
        return problem.later(cap=LONGEST_WAIT, problem=str(problem)[:300])


def _exhaust(rotation: KeyRotation, hold: Hold, last: Later | None) -> Done:
    problem = "" if last is None else f" {last.changes['problem']}"
    return _give_up(rotation, hold, reason=f"There were too many tries.{problem}")


def _give_up(rotation: KeyRotation, hold: Hold, *, reason: str) -> Done:
    """End without success: the old key stays in use unless the new one already is."""
    clean_up(rotation=rotation, hold=hold)

    def report() -> None:
        prefixes: dict[str, Any] = {"old": rotation.old_prefix, "new": rotation.new_prefix}
        add_entry(action="api_key.rotation_failed", outcome="failed", target=rotation.service, **prefixes)
        alert_administrators(
            check="key-rotation-failed",
            subject=f"The API key of {rotation.service.name} could not be replaced",
            body=f"{reason}\n{_describe_key_in_use(rotation)}",
        )
        schedule(RemoteState.objects.filter(service=rotation.service))

    failure = {"step": Step.FAILED, "ended_at": timezone.now(), "problem": reason[:300]}
    return Done(failure, effect=report)


ROTATE = Job(
    name="integrations.rotate_key",
    model=KeyRotation,
    work=_do_step,
    waits_for="service",
    related=("service",),
    # For one step, which makes a few calls.
    deadline=timedelta(minutes=5),
    applies=lambda rotation: rotation.step not in KeyRotation.ENDED,
    exhausted=_exhaust,
)


def cancel_rotation(*, rotation: KeyRotation, user: User, address: str | None) -> None:
    """End a rotation that does not continue; the key in use stays. Raises CannotRotate."""
    prefixes: dict[str, Any] = {"old": rotation.old_prefix, "new": rotation.new_prefix}
    audit = partial(
        add_entry,
        action="api_key.rotation_cancelled",
        actor=user,
        target=rotation.service,
        address=address,
        **prefixes,
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
        raise CannotRotate("The rotation is running at the moment, or has ended. Try again in a minute.")
    rotation.refresh_from_db()
    clean_up(rotation=rotation)
    schedule(RemoteState.objects.filter(service=rotation.service))


def retry_rotation(*, rotation: KeyRotation, user: User | None, address: str | None) -> None:
    """Make a waiting rotation due now."""
    with transaction.atomic():
        schedule(KeyRotation.objects.filter(pk=rotation.pk))
        add_entry(action="api_key.rotation_resumed", actor=user, target=rotation.service, address=address)


def rotate_if_old(*, service: Service, days: int) -> KeyRotation | None:
    """Start a rotation if the key in use is older than `days`; 0 means never.

    The hourly look at the Cloud asks with API_KEY_ROTATION_DAYS, which is 0 by default.
    """
    key = keyring.usable_keys(service=service).filter(is_in_use=True).first()
    # It may have been paused since it was read.
    is_active = Service.objects.filter(pk=service.pk, is_active=True).exists()
    if days <= 0 or key is None or not is_active:
        return None
    now = timezone.now()
    age = now - (key.in_use_since or key.created_at)
    latest = KeyRotation.objects.filter(service=service).first()
    # After a failure the next rotation starts a day later, not at the next hourly reading.
    is_fresh = latest is not None and (now - latest.created_at).days < 1
    if age.days < days or is_fresh:
        return None
    try:
        return start_rotation(service=service, cause=SCHEDULE)
    except CannotRotate:
        return None


def _describe_key_in_use(rotation: KeyRotation) -> str:
    keys = keyring.usable_keys(service=rotation.service).filter(is_in_use=True)
    prefix = keys.values_list("prefix", flat=True).first()
    if prefix is None:
        return "No key is in use."
    if prefix == rotation.new_prefix:
        return "The new key is in use; the old one was not revoked."
    return f"The key {prefix}… stays in use."
