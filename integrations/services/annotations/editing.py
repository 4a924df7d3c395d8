"""Change an application's annotations at the Cloud: compare, keep what was there, write, look."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from background.locks import Busy, Lock, lock
from integrations.clarius import ClariusClient
from integrations.clarius.schemas import AnnotationGroup, CustomizedApplication
from integrations.cloud import PAGE, CloudProblem, Code, Means, cloud
from integrations.models import AnnotationSnapshot, Application
from integrations.services.annotations.applications import remote_values
from integrations.services.annotations.groups import check_groups, core, fingerprint
from integrations.services.reading import is_exact

Outcome = AnnotationSnapshot.Outcome
UNCHANGED = "Nothing was changed."
NOT_KNOWN = "It is not known whether Clarius Cloud took it. Read the applications again before you continue."
BUSY = (
    "Somebody else is saving the annotations of this application at this moment. Nothing was written; "
    "try again in a minute."
)
CANNOT_KEEP = (
    "Clarius Cloud has something in these annotations that the portal cannot keep exactly, such as a NUL or "
    "lists within lists deeper than 40 levels. Nothing was written, since it would be lost."
)


class NotSaved(Exception):
    """Nothing was written; the message says to the reader why."""


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
    """Write down what the Cloud has of this application now; raises CloudProblem."""
    try:
        _note(application, _look(application))
    except CloudProblem as problem:
        _audit(application, actor, "annotations.read", "failed")
        raise problem.also(UNCHANGED) from None
    _audit(application, actor, "annotations.read", "ok")


def customize_application(
    *, application: Application, groups: Sequence[AnnotationGroup], base: str, actor: Actor
) -> None:
    """Replace the annotations, an empty list being none at all.

    Raises NotValid, NotSaved, ChangedMeanwhile, and CloudProblem, which says whether it may be done.
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
    """Go back to the provider's own annotations; raises as above."""
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
    call: Callable[[ClariusClient], CustomizedApplication | None],
) -> None:
    with _alone(application, actor, action) as held:
        _compare(application, base, actor, action)
        held.renew()
        snapshot = _take_snapshot(application, actor)
        try:
            with cloud(application.service, rules=PAGE) as client:
                after = call(client)
        except CloudProblem as problem:
            if problem.may_be_done:
                _find_out(application, snapshot, actor, action, wanted=wanted, base=base, problem=problem)
                return
            _settle(application, snapshot, actor, action, Outcome.REFUSED)
            raise problem.also(UNCHANGED) from None
        _note(application, after)
        _settle(application, snapshot, actor, action, Outcome.DONE)


@contextmanager
def _alone(application: Application, actor: Actor, action: str) -> Iterator[Lock]:
    try:
        with lock(application, field="saving_until") as held:
            yield held
    except Busy:
        _audit(application, actor, action, "busy")
        raise NotSaved(BUSY) from None


def _compare(application: Application, base: str, actor: Actor, action: str) -> None:
    """Raise unless the Cloud has what the editor began with, and the snapshot will hold all of it."""
    try:
        before = _look(application)
    except CloudProblem as problem:
        _audit(application, actor, action, "failed")
        raise problem.also(UNCHANGED) from None
    if _note(application, before) != base:
        _audit(application, actor, action, "changed_meanwhile")
        raise ChangedMeanwhile
    if before is not None and not is_exact([group.to_json() for group in before.annotations]):
        _audit(application, actor, action, "refused")
        raise NotSaved(CANNOT_KEEP)


def _find_out(
    application: Application,
    snapshot: AnnotationSnapshot,
    actor: Actor,
    action: str,
    *,
    wanted: str,
    base: str,
    problem: CloudProblem,
) -> None:
    """Look what became of a write whose answer did not come; raises CloudProblem unless it was done."""
    try:
        state = _note(application, _look(application))
    except CloudProblem:
        state = ""
    # A Cloud that drops a field it does not know did write all the same.
    if state and core(is_customized=application.is_customized, annotations=application.annotations) == wanted:
        _settle(application, snapshot, actor, action, Outcome.DONE)
    elif state == base:
        _settle(application, snapshot, actor, action, Outcome.REFUSED)
        raise problem.also(UNCHANGED)
    else:
        _settle(application, snapshot, actor, action, Outcome.UNKNOWN)
        raise CloudProblem(NOT_KNOWN, means=Means.MAYBE_DONE, code=Code.OTHER)


def _look(application: Application) -> CustomizedApplication | None:
    with cloud(application.service, rules=PAGE) as client:
        return client.get_customized_application(uuid=application.remote_uuid)


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
    add_entry(
        action=action,
        outcome=outcome,
        actor=actor.user,
        target=application,
        address=actor.address,
        application=str(application.remote_uuid),
        **more,
    )
