"""Change an application's annotations at the Cloud: compare, keep what was there, write, look."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.record import record
from integrations.clarius.schemas import AnnotationGroup, CustomizedApplication
from integrations.models import AnnotationSnapshot, Application
from integrations.services.annotation_groups import check_groups, core, fingerprint
from integrations.services.asking import CloudSaidNo, NotAnswered, Refused, ask
from integrations.services.catalogue import remote_values
from integrations.services.reading import is_exact
from integrations.services.saving import NotNow, Turn, saving_turn

Outcome = AnnotationSnapshot.Outcome
UNCHANGED = "Nothing was changed."
NOT_KNOWN = "It is not known whether Clarius Cloud took it. Read the applications again before you go on."
BUSY = (
    "Somebody else is saving the annotations of this application at this moment. Nothing was written; "
    "try again in a minute."
)
CANNOT_KEEP = (
    "Clarius Cloud has something in these annotations that the portal cannot keep exactly, such as a NUL or "
    "lists within lists deeper than 40 levels. Nothing was written, since it would be lost."
)


class ChangedMeanwhile(Exception):
    """The Cloud has something else than the editor began with; the row here says what by now."""


@dataclass(frozen=True)
class Actor:
    """Who asks, and from where."""

    user: User
    address: str | None


def base_of(application: Application) -> str:
    """Return what an editor begins with, to be compared before it writes."""
    return fingerprint(is_customized=application.is_customized, annotations=application.annotations)


def read_application(*, application: Application, actor: Actor) -> None:
    """Write down what the Cloud has of this application now; raises Refused and NotAnswered."""
    try:
        _note(application, _look(application))
    except CloudSaidNo as error:
        _audit(application, actor, "annotations.read", "failed")
        raise error.also(UNCHANGED) from None
    _audit(application, actor, "annotations.read", "ok")


def customize_application(
    *, application: Application, groups: Sequence[AnnotationGroup], base: str, actor: Actor
) -> None:
    """Replace the annotations, an empty list being none at all.

    Raises NotValid, ChangedMeanwhile, Refused (nothing changed) and NotAnswered (not done, or not known).
    """
    check_groups(groups)
    uuid = application.remote_uuid
    _write(
        application=application,
        base=base,
        actor=actor,
        action="annotations.customized",
        wanted=core(is_customized=True, annotations=[group.to_json() for group in groups]),
        call=lambda client: client.customize_application(uuid=uuid, annotations=groups),
    )


def remove_customization(*, application: Application, base: str, actor: Actor) -> None:
    """Go back to the provider's own annotations; raises ChangedMeanwhile, Refused and NotAnswered."""
    uuid = application.remote_uuid
    _write(
        application=application,
        base=base,
        actor=actor,
        action="annotations.removed",
        wanted=core(is_customized=False, annotations=[]),
        call=lambda client: client.remove_customization(uuid=uuid),
    )


def _write(
    *,
    application: Application,
    base: str,
    actor: Actor,
    action: str,
    wanted: str,
    call: Callable[[Any], CustomizedApplication | None],
) -> None:
    with _alone(application, actor, action) as turn:
        _compare(application, base, actor, action)
        turn.renew()
        snapshot = _take_snapshot(application, actor)
        try:
            after = ask(service=application.service, call=call)
        except Refused as error:
            _settle(application, snapshot, actor, action, Outcome.REFUSED)
            raise error.also(UNCHANGED) from None
        except NotAnswered as error:
            _find_out(application, snapshot, actor, action, wanted=wanted, base=base, error=error)
            return
        _note(application, after)
        _settle(application, snapshot, actor, action, Outcome.DONE)


@contextmanager
def _alone(application: Application, actor: Actor, action: str) -> Iterator[Turn]:
    try:
        with saving_turn(application=application) as turn:
            yield turn
    except NotNow:
        _audit(application, actor, action, "busy")
        raise Refused(BUSY) from None


def _compare(application: Application, base: str, actor: Actor, action: str) -> None:
    """Raise unless the Cloud has what the editor began with, and the snapshot will hold all of it."""
    try:
        before = _look(application)
    except CloudSaidNo as error:
        _audit(application, actor, action, "failed")
        raise error.also(UNCHANGED) from None
    if _note(application, before) != base:
        _audit(application, actor, action, "changed_meanwhile")
        raise ChangedMeanwhile
    if before is not None and not is_exact([group.to_json() for group in before.annotations]):
        _audit(application, actor, action, "refused")
        raise Refused(CANNOT_KEEP)


def _find_out(
    application: Application,
    snapshot: AnnotationSnapshot,
    actor: Actor,
    action: str,
    *,
    wanted: str,
    base: str,
    error: NotAnswered,
) -> None:
    """Look what became of a write whose answer did not come; raises NotAnswered unless it was done."""
    try:
        state = _note(application, _look(application)) if error.may_be_done else base
    except CloudSaidNo:
        state = ""
    # A Cloud that drops a field it does not know did write all the same.
    if state and core(is_customized=application.is_customized, annotations=application.annotations) == wanted:
        _settle(application, snapshot, actor, action, Outcome.DONE)
    elif state == base:
        _settle(application, snapshot, actor, action, Outcome.REFUSED)
        raise error.also(UNCHANGED)
    else:
        _settle(application, snapshot, actor, action, Outcome.UNKNOWN)
        raise NotAnswered(NOT_KNOWN, may_be_done=True)


def _look(application: Application) -> CustomizedApplication | None:
    uuid = application.remote_uuid
    return ask(service=application.service, call=lambda client: client.get_customized_application(uuid=uuid))


def _note(application: Application, found: CustomizedApplication | None) -> str:
    """Write down what the Cloud has now and return what tells it apart."""
    values = remote_values(found) | {"read_at": timezone.now()}
    Application.objects.filter(pk=application.pk).update(**values)
    for name, value in values.items():
        setattr(application, name, value)
    return base_of(application)


def _take_snapshot(application: Application, actor: Actor) -> AnnotationSnapshot:
    return AnnotationSnapshot.objects.create(
        application=application,
        is_customized=application.is_customized,
        annotations=application.annotations,
        taken_at=timezone.now(),
        taken_by=actor.user,
    )


def _settle(
    application: Application, snapshot: AnnotationSnapshot, actor: Actor, action: str, outcome: Outcome
) -> None:
    with transaction.atomic():
        AnnotationSnapshot.objects.filter(pk=snapshot.pk).update(outcome=outcome)
        if outcome == Outcome.DONE:
            Application.objects.filter(pk=application.pk).update(written_at=timezone.now())
        told = {Outcome.DONE: "ok", Outcome.REFUSED: "refused"}.get(outcome, "unknown")
        _audit(application, actor, action, told, snapshot=str(snapshot.uuid))


def _audit(application: Application, actor: Actor, action: str, outcome: str, **more: str) -> None:
    record(
        action=action,
        outcome=outcome,
        actor=actor.user,
        target=application,
        address=actor.address,
        application=str(application.remote_uuid),
        **more,
    )
