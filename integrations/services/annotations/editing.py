"""Change an application's annotations at the Cloud: compare, take a snapshot, write and check."""

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
from integrations.services.changing import NotDone
from integrations.services.reading import is_exact

Outcome = AnnotationSnapshot.Outcome
UNCHANGED = "Nothing was changed."
NOT_KNOWN = (
    "It is not known whether Clarius Cloud made the change. Read the applications again before you continue."
)
BUSY = (
    "Someone else is saving the annotations of this application at the moment. Nothing was changed. "
    "Try again in a minute."
)
CANNOT_KEEP = (
    "Clarius Cloud has something in these annotations that the portal cannot store exactly, such as a NUL or "
    "more than 40 levels of nested lists. Nothing was changed, since it would be lost."
)


class ChangedMeanwhile(Exception):
    """The Cloud's annotations changed since the editor was opened; the row has the current ones."""


@dataclass(frozen=True)
class Actor:
    """The person who makes a change, and their address."""

    user: User
    address: str | None


def base_of(application: Application) -> str:
    """Return the fingerprint with which an editor begins, compared before it saves."""
    return fingerprint(is_customized=application.is_customized, annotations=application.annotations)


def read_application(*, application: Application, actor: Actor) -> None:
    """Read and store the application as the Cloud has it now; raises CloudProblem."""
    try:
        _store_annotations(application, _read_annotations(application))
    except CloudProblem as problem:
        _audit(application, actor, "annotations.read", "failed")
        raise problem.also(UNCHANGED) from None
    _audit(application, actor, "annotations.read", "ok")


def customize_application(
    *, application: Application, groups: Sequence[AnnotationGroup], base: str, actor: Actor
) -> None:
    """Replace the annotations; an empty list means no annotations at all.

    Raises NotValid, NotDone, ChangedMeanwhile, and CloudProblem, which tells if the change may be made.
    """
    check_groups(groups)
    uuid = application.remote_uuid
    _change_at_cloud(
        application=application,
        base=base,
        actor=actor,
        action="annotations.customized",
        wanted=core(is_customized=True, annotations=[group.to_json() for group in groups]),
        call=lambda client: client.customize_application(uuid=uuid, annotations=groups),
    )


def remove_customization(*, application: Application, base: str, actor: Actor) -> None:
    """Restore the Cloud's own annotations; raises the same errors but NotValid."""
    uuid = application.remote_uuid
    _change_at_cloud(
        application=application,
        base=base,
        actor=actor,
        action="annotations.removed",
        wanted=core(is_customized=False, annotations=[]),
        call=lambda client: client.remove_customization(uuid=uuid),
    )


def _change_at_cloud(
    *,
    application: Application,
    base: str,
    actor: Actor,
    action: str,
    wanted: str,
    call: Callable[[ClariusClient], CustomizedApplication | None],
) -> None:
    with _locked(application, actor, action) as held:
        _require_unchanged(application, base, actor, action)
        held.renew()
        snapshot = _take_snapshot(application, actor)
        try:
            with cloud(application.service, rules=PAGE) as client:
                after = call(client)
        except CloudProblem as problem:
            if problem.may_be_done:
                _check_outcome(
                    application, snapshot, actor, action, wanted=wanted, base=base, problem=problem
                )
                return
            _store_outcome(application, snapshot, actor, action, Outcome.REFUSED)
            raise problem.also(UNCHANGED, quotes=True) from None
        _store_annotations(application, after)
        _store_outcome(application, snapshot, actor, action, Outcome.DONE)


@contextmanager
def _locked(application: Application, actor: Actor, action: str) -> Iterator[Lock]:
    try:
        with lock(application, field="saving_until") as held:
            yield held
    except Busy:
        _audit(application, actor, action, "busy")
        raise NotDone(BUSY) from None


def _require_unchanged(application: Application, base: str, actor: Actor, action: str) -> None:
    """Raise unless the Cloud still has what the editor showed, and a snapshot can store it exactly."""
    try:
        before = _read_annotations(application)
    except CloudProblem as problem:
        _audit(application, actor, action, "failed")
        raise problem.also(UNCHANGED) from None
    if _store_annotations(application, before) != base:
        _audit(application, actor, action, "changed_meanwhile")
        raise ChangedMeanwhile
    if before is not None and not is_exact([group.to_json() for group in before.annotations]):
        _audit(application, actor, action, "refused")
        raise NotDone(CANNOT_KEEP)


def _check_outcome(
    application: Application,
    snapshot: AnnotationSnapshot,
    actor: Actor,
    action: str,
    *,
    wanted: str,
    base: str,
    problem: CloudProblem,
) -> None:
    """Read the outcome of a change whose answer was lost; raises CloudProblem unless it was made."""
    try:
        state = _store_annotations(application, _read_annotations(application))
    except CloudProblem:
        state = ""
    # The change was made even if the Cloud dropped fields that it does not know.
    if state and core(is_customized=application.is_customized, annotations=application.annotations) == wanted:
        _store_outcome(application, snapshot, actor, action, Outcome.DONE)
    elif state == base:
        _store_outcome(application, snapshot, actor, action, Outcome.REFUSED)
        raise problem.also(UNCHANGED)
    else:
        _store_outcome(application, snapshot, actor, action, Outcome.UNKNOWN)
        raise CloudProblem(NOT_KNOWN, means=Means.MAYBE_DONE, code=Code.OTHER)


def _read_annotations(application: Application) -> CustomizedApplication | None:
    with cloud(application.service, rules=PAGE) as client:
        return client.get_customized_application(uuid=application.remote_uuid)


def _store_annotations(application: Application, found: CustomizedApplication | None) -> str:
    """Store the Cloud's annotations and return their fingerprint."""
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


def _store_outcome(
    application: Application, snapshot: AnnotationSnapshot, actor: Actor, action: str, outcome: Outcome
) -> None:
    with transaction.atomic():
        AnnotationSnapshot.objects.filter(pk=snapshot.pk).update(outcome=outcome)
        if outcome == Outcome.DONE:
            Application.objects.filter(pk=application.pk).update(written_at=timezone.now())
        audited = {Outcome.DONE: "ok", Outcome.REFUSED: "refused"}.get(outcome, "unknown")
        _audit(application, actor, action, audited, snapshot=str(snapshot.uuid))


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
