"""Rotate the key in use: a state machine of small stored steps that any process can resume.

Each step can be repeated, and ends with one write.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from accounts.services.alerts import alert_administrators
from audit.entries import add_entry
from background.backoff import Backoff
from background.due import from_now, is_free, schedule
from background.leases import Hold
from background.runner import NOW, Done, Effect, Job, Later, Outcome, jobs
from foundation.crypto import CannotDecrypt
from integrations import keyring
from integrations.clarius import ClariusClient, errors, key_problem
from integrations.cloud import CloudProblem, Code, Means, Rule, cloud
from integrations.keyring import Cause
from integrations.models import ApiKey, KeyRotation, RemoteState, Service
from integrations.services.changing import NotDone, audited

Step = KeyRotation.Step
# A person may be watching, so the Cloud is tried every few minutes while it is away.
LONGEST_WAIT = timedelta(minutes=3)
# A rotation that takes longer needs a person.
LONGEST = timedelta(days=1)
# Calls that no worker makes (an administrator's page) end within twice the deadline of one call.
SETTLE = timedelta(minutes=2)
# Longer than the deadline of any job, so by then no job still calls with the old key.
LONGEST_WORK = timedelta(minutes=65)
# How often the leased rows are checked.
LOOK_EVERY = timedelta(seconds=10)
# A new key may take a moment until every server of the Cloud accepts it.
PROOFS = 3
SCHEDULE = "schedule"
RULES = (
    Rule(errors.Rejected, Means.WAIT, Code.OTHER, status=frozenset({408, 425})),
    Rule((errors.KeyRefused, errors.Rejected), Means.NEVER, Code.OTHER),
)


class RotationUnderWay(NotDone):
    """A rotation of the service's key is in progress."""


class CannotContinue(Exception):
    """This rotation ends here; the message is one sentence for the reader."""


def start_rotation(
    *, service: Service, cause: str, user: User | None = None, address: str | None = None
) -> KeyRotation:
    """Create a rotation of the key in use, due at once; raises NotDone."""
    about: dict[str, Any] = {"target": service, "address": address, "cause": cause}
    audit = partial(add_entry, action="api_key.rotation_started", actor=user, **about)
    name = f"portal {timezone.now():%Y-%m-%d} {secrets.token_hex(6)}"
    with audited(audit):
        if Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False).exists():
            raise NotDone("No stored key works, so no new key can be created. Add a key that works.")
        try:
            with transaction.atomic():
                rotation = KeyRotation.objects.create(
                    service=service, name=name, cause=cause, not_before=from_now()
                )
                audit()
        except IntegrityError:
            raise RotationUnderWay("The API key of this service is being replaced already.") from None
    return rotation


def cancel_rotation(*, rotation: KeyRotation, user: User, address: str | None) -> None:
    """End a rotation that does not continue; the key in use stays. Raises NotDone."""
    about: dict[str, Any] = {"target": rotation.service, "address": address}
    about |= {"old": rotation.old_prefix, "new": rotation.new_prefix}
    audit = partial(add_entry, action="api_key.rotation_cancelled", actor=user, **about)
    with audited(audit), transaction.atomic():
        rows = KeyRotation.objects.filter(is_free(), pk=rotation.pk).exclude(step__in=KeyRotation.ENDED)
        ended = rows.update(
            step=Step.FAILED,
            ended_at=timezone.now(),
            problem="A person cancelled it.",
            not_before=None,
            nudged_until=None,
        )
        if not ended:
            raise NotDone("The rotation is running at the moment, or has ended. Try again in a minute.")
        audit()
    rotation.refresh_from_db()
    clean_up(rotation=rotation)
    schedule(RemoteState.objects.filter(service=rotation.service))


def retry_rotation(*, rotation: KeyRotation, user: User | None, address: str | None) -> None:
    """Make a waiting rotation due now."""
    with transaction.atomic():
        schedule(KeyRotation.objects.filter(pk=rotation.pk))
        add_entry(action="api_key.rotation_resumed", actor=user, target=rotation.service, address=address)


def rotate_if_old(*, service: Service) -> KeyRotation | None:
    """Start a rotation if the key in use is older than API_KEY_ROTATION_DAYS; 0 means never."""
    days = settings.API_KEY_ROTATION_DAYS
    key = keyring.key_in_use(service=service)
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
    except NotDone:
        return None


def _describe_key_in_use(rotation: KeyRotation) -> str:
    key = keyring.key_in_use(service=rotation.service)
    if key is None:
        return "No key is in use."
    if key.prefix == rotation.new_prefix:
        return "The new key is in use; the old one was not revoked."
    return f"The key {key} stays in use."


def make_key(rotation: KeyRotation, hold: Hold) -> Outcome:
    """Create and store the new key; a key of this name whose secret was lost is revoked first."""
    service = rotation.service
    if rotation.cause == SCHEDULE and not service.is_active:
        raise CannotContinue("The service is paused.")
    with cloud(service, rules=RULES, always=True) as client:
        _revoke_strangers(client, rotation, hold=hold, kept=rotation.new_prefix)
        hold.extend()
        created = client.create_api_key(name=rotation.name)
        if fault := key_problem(created.key.reveal()):
            _revoke_strangers(client, rotation, hold=hold, kept=rotation.new_prefix)
            raise CannotContinue(f"Clarius Cloud sent a key that cannot be used. {fault}")
    old = keyring.key_in_use(service=service)

    def store() -> None:
        ApiKey.objects.create(
            service=service, prefix=created.prefix, name=rotation.name[:100], secret=created.key.reveal()
        )
        add_entry(action="api_key.created", target=service, prefix=created.prefix)

    return _next(Step.STORED, effect=store, new_prefix=created.prefix, old_prefix=old.prefix if old else "")


def prove_new_key(rotation: KeyRotation, hold: Hold) -> Outcome:
    """Test the new key with a call."""
    try:
        secret = _new_key(rotation).secret
    except CannotDecrypt:
        raise CannotContinue("The new key cannot be decrypted with FIELD_ENCRYPTION_KEYS.") from None
    try:
        with cloud(rotation.service, rules=RULES, always=True, secret=secret) as client:
            client.get_settings()
    except CloudProblem as problem:
        if not isinstance(problem.error, errors.KeyRefused):
            raise
        if hold.attempt >= PROOFS:
            raise CannotContinue("Clarius Cloud does not accept the key that it has just created.") from None
        not_yet = {"problem": "Clarius Cloud does not accept the new key yet."}
        return Later(Backoff(), counts=True, changes=not_yet)
    return _next(Step.PROVEN)


def switch(rotation: KeyRotation, hold: Hold) -> Outcome:
    """Use the new key from now on; every job reads the key in use when it begins to call."""
    key = _new_key(rotation)
    with hold.step():
        keyring.use_key(service=rotation.service, key=key, cause=Cause.ROTATION)
    # A key in use can no longer be revoked.
    if not _new_key(rotation).is_in_use:
        raise CannotContinue("Another key came into use in the meantime.")
    return _next(Step.SWITCHED, switched_at=timezone.now())


def store_leased_rows(rotation: KeyRotation, hold: Hold) -> Outcome:
    """Store which rows are leased just after the switch: their jobs may still call with the old key."""
    leased = [
        [job.model._meta.label, pk, token]
        for job in jobs()
        for pk, token in job.model._base_manager.exclude(is_free()).values_list("pk", "lease_token")
        if (job.model, pk) != (KeyRotation, rotation.pk)
    ]
    return _next(Step.DRAINING, leased_rows=leased)


def revoke_old_key(rotation: KeyRotation, hold: Hold) -> Outcome:
    """Revoke the old key when no job uses it any more, then revoke leftover keys of this rotation."""
    _refuse_in_use(rotation)
    wait = _wait_for_calls(rotation)
    if wait:
        return Later(wait, changes={"problem": ""})
    with cloud(rotation.service, rules=RULES, always=True) as client:
        if rotation.old_prefix:
            hold.extend()
            # The key may have come into use since the first check, before the call.
            check = partial(_refuse_in_use, rotation)
            with keyring.withdrawn(service=rotation.service, prefix=rotation.old_prefix, check=check):
                _revoke(client, rotation.old_prefix)
        _revoke_strangers(client, rotation, hold=hold, kept=rotation.new_prefix)

    def end() -> None:
        schedule(RemoteState.objects.filter(service=rotation.service))
        prefixes = {"prefix": rotation.new_prefix, "former": rotation.old_prefix}
        add_entry(action="api_key.rotated", target=rotation.service, **prefixes)

    return Done({"step": Step.DONE, "ended_at": timezone.now(), "problem": ""}, effect=end)


STEPS: dict[Step, Callable[[KeyRotation, Hold], Outcome]] = {
    Step.INTENDED: make_key,
    Step.STORED: prove_new_key,
    Step.PROVEN: switch,
    Step.SWITCHED: store_leased_rows,
    Step.DRAINING: revoke_old_key,
}


def clean_up(*, rotation: KeyRotation, hold: Hold | None = None) -> None:
    """Revoke the unused key of a failed rotation if the Cloud can be reached; else the key list shows it."""
    if rotation.switched_at:
        return
    service = rotation.service
    try:
        # The new key may be in use before the switch: it was chosen when the old one was refused.
        with (
            keyring.withdrawn(service=service, prefix=rotation.new_prefix),
            cloud(service, always=True) as client,
        ):
            _revoke_strangers(client, rotation, hold=hold, kept="")
    except (keyring.KeyInUse, CloudProblem):
        return


def _next(step: Step, *, effect: Effect | None = None, **changes: Any) -> Done:
    """Return the outcome of a completed step: the next begins at once, and no try is counted."""
    kept = {"attempt_count": F("attempt_count") - 1, "first_tried_at": F("first_tried_at")}
    return Done({"step": step} | kept | changes, effect=effect, again_in=NOW, at_once=True)


def _new_key(rotation: KeyRotation) -> ApiKey:
    key = keyring.usable_keys(service=rotation.service).filter(prefix=rotation.new_prefix).first()
    if key is None:
        raise CannotContinue("The new key is not stored any more.")
    return key


def _revoke_strangers(client: ClariusClient, rotation: KeyRotation, *, hold: Hold | None, kept: str) -> None:
    """Revoke every key with the unique name of this rotation except `kept`.

    The lease is renewed before each call: a process that was paused for long has lost the row to another
    worker, whose new key would look like a leftover.
    """
    for key in client.list_api_keys():
        if key.name == rotation.name and key.prefix != kept:
            if hold is not None:
                hold.extend()
            client.revoke_api_key(prefix=key.prefix)


def _refuse_in_use(rotation: KeyRotation) -> None:
    keys = ApiKey.objects.filter(service=rotation.service_id, prefix=rotation.old_prefix)
    if keys.filter(is_in_use=True).exists():
        raise CannotContinue("The old key is in use again, so it was not revoked.")


def _revoke(client: ClariusClient, prefix: str) -> None:
    """Revoke the old key; raises CannotContinue if the Cloud refuses and still lists it."""
    try:
        client.revoke_api_key(prefix=prefix)
    except (errors.KeyRefused, errors.Rejected):
        if any(key.prefix == prefix for key in client.list_api_keys()):
            raise CannotContinue("Clarius Cloud refuses to revoke the old key.") from None


def _wait_for_calls(rotation: KeyRotation) -> timedelta:
    """Return how long to wait before jobs with the old key are checked again; 0 when none is left."""
    since = timezone.now() - (rotation.switched_at or rotation.created_at)
    if since >= LONGEST_WORK:
        return NOW
    if since < SETTLE:
        return max(SETTLE - since, timedelta(seconds=1))
    models = {job.model._meta.label: job.model for job in jobs()}
    is_called = any(
        models[label]._base_manager.exclude(is_free()).filter(pk=pk, lease_token=token).exists()
        for label, pk, token in rotation.leased_rows
        if label in models
    )
    return LOOK_EVERY if is_called else NOW


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
