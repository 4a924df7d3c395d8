"""Replace the key in use: a state machine of small steps, each written down, that any process may resume."""

import secrets
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from accounts.services.alerts import alert_administrators
from audit.entries import add_entry
from background.due import from_now, is_free
from background.jobs import schedule
from background.leases import Hold
from background.runner import Done, Job, Later, Outcome
from integrations import keyring
from integrations.cloud import CloudProblem, Means
from integrations.models import KeyRotation, RemoteState, Service
from integrations.services.keys.rotation_steps import SCHEDULE, STEPS, CannotGoOn, clean_up

Step = KeyRotation.Step
# A person may watch it: the Cloud is asked again within some minutes for as long as it is away.
LONGEST_WAIT = timedelta(minutes=3)
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
        add_entry,
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


def _go_on(rotation: KeyRotation, hold: Hold) -> Outcome:
    """Do one step; the runner comes back at once for the next one."""
    try:
        return STEPS[Step(rotation.step)](rotation, hold)
    except CannotGoOn as error:
        return _give_up(rotation, hold, reason=str(error))
    except CloudProblem as problem:
        if problem.means == Means.NEVER:
            return _give_up(rotation, hold, reason=str(problem))
        if timezone.now() - rotation.created_at > LONGEST:
            return _give_up(rotation, hold, reason=f"It could not go on for a day. {problem}")
        return problem.later(cap=LONGEST_WAIT, problem=str(problem)[:300])


def _exhaust(rotation: KeyRotation, hold: Hold, last: Later | None) -> Done:
    said = "" if last is None else f" {last.changes['problem']}"
    return _give_up(rotation, hold, reason=f"It was tried too often without success.{said}")


def _give_up(rotation: KeyRotation, hold: Hold, *, reason: str) -> Done:
    """End without success: the old key stays unless the new one is in use already."""
    clean_up(rotation=rotation, hold=hold)

    def report() -> None:
        outcome: dict[str, Any] = {"old": rotation.old_prefix, "new": rotation.new_prefix}
        add_entry(action="api_key.rotation_failed", outcome="failed", target=rotation.service, **outcome)
        alert_administrators(
            check="key-rotation-failed",
            subject=f"The API key of {rotation.service.name} could not be replaced",
            body=f"{reason}\n{_in_use(rotation)}",
        )
        schedule(queryset=RemoteState.objects.filter(service=rotation.service))

    failure = {"step": Step.FAILED, "ended_at": timezone.now(), "problem": reason[:300]}
    return Done(failure, effect=report)


ROTATE = Job(
    name="integrations.rotate_key",
    model=KeyRotation,
    work=_go_on,
    waits_for="service",
    related=("service",),
    # Of one step: some calls to the Cloud.
    deadline=timedelta(minutes=5),
    applies=lambda rotation: rotation.step not in KeyRotation.ENDED,
    exhausted=_exhaust,
)


def cancel_rotation(*, rotation: KeyRotation, user: User, address: str | None) -> None:
    """End a replacement that does not go on; the key in use stays. Raises CannotRotate."""
    told: dict[str, Any] = {"old": rotation.old_prefix, "new": rotation.new_prefix}
    audit = partial(
        add_entry,
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
    schedule(queryset=RemoteState.objects.filter(service=rotation.service))


def retry_rotation(*, rotation: KeyRotation, user: User | None, address: str | None) -> None:
    """Make a waiting rotation due now."""
    with transaction.atomic():
        schedule(model=KeyRotation, pk=rotation.pk)
        add_entry(action="api_key.rotation_resumed", actor=user, target=rotation.service, address=address)


def rotate_if_old(*, service: Service, days: int) -> KeyRotation | None:
    """Start a rotation when the key in use is older than `days`; 0 means never."""
    key = keyring.usable_keys(service=service).filter(is_in_use=True).first()
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
    keys = keyring.usable_keys(service=rotation.service).filter(is_in_use=True)
    prefix = keys.values_list("prefix", flat=True).first()
    if prefix is None:
        return "No key is in use."
    if prefix == rotation.new_prefix:
        return "The new key is in use; the old one was not revoked."
    return f"The key {prefix}… stays in use."
