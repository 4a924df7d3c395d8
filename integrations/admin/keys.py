"""The page of a service's API keys: list, rotate, create, add, use and revoke them."""

from typing import Any

from django.contrib.admin import AdminSite
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from foundation.adminkit.question import Question, ask
from integrations import keyring
from integrations.admin.desk import Desk, DeskAction
from integrations.admin.desk_forms import CreateKeyForm, TypedKeyForm
from integrations.models import KeyRotation, Service
from integrations.services.changing import NotDone
from integrations.services.keys import changes
from integrations.services.keys.listing import ELSEWHERE, list_keys, open_rotation
from integrations.services.keys.rotation import cancel_rotation, retry_rotation, start_rotation
from integrations.services.settings.remote_state import last_read, read_again

PERMISSION = "integrations.manage_service"
Step = KeyRotation.Step
PATH = (Step.INTENDED, Step.STORED, Step.PROVEN, Step.SWITCHED, Step.DRAINING, Step.DONE)


def key_page(request: HttpRequest, pk: str, *, site: AdminSite) -> HttpResponse:
    """Show the keys; a POST runs the action of a button."""
    desk = Desk(site=site, request=request, pk=pk, permission=PERMISSION)
    return desk.run(ACTIONS, page="keys", show=_show) if request.method == "POST" else _show(desk)


def rotation_fragment(request: HttpRequest, pk: str, *, site: AdminSite) -> HttpResponse:
    """Send the keys and the progress of the rotation; the page asks for them every few seconds."""
    desk = Desk(site=site, request=request, pk=pk, permission=PERMISSION)
    return render(request, "integrations/keys/_keys.html", _state_of(desk.service))


def _show(
    desk: Desk, *, problem: str = "", create_form: Form | None = None, type_form: Form | None = None
) -> HttpResponse:
    context = _state_of(desk.service) | {
        "problem": problem,
        "create_form": create_form or CreateKeyForm(),
        "type_form": type_form or TypedKeyForm(),
    }
    return desk.render(
        "integrations/keys/keys.html", title="API keys", status=400 if problem else 200, **context
    )


def _state_of(service: Service) -> dict[str, object]:
    # Read after the rotation: one that ends in between shows at the next refresh.
    rotation = open_rotation(service=service)
    last = KeyRotation.objects.filter(service=service).first()
    reached = PATH.index(Step(rotation.step)) if rotation is not None else -1
    in_use = keyring.key_in_use(service=service)
    return {
        "service": service,
        "rotation": rotation,
        "last_rotation": last,
        "is_last_in_use": bool(last and in_use and last.new_prefix == in_use.prefix),
        "steps": [(step.label, place < reached, place == reached) for place, step in enumerate(PATH)],
        "can_be_replaced": in_use is not None and service.circuit_opened_at is None,
        "keys": list_keys(service=service),
        "state": last_read(service=service),
    }


def _ask(desk: Desk, *, action: str, prefix: str, title: str, **about: Any) -> HttpResponse:
    """Explain the action and ask for confirmation."""
    page = reverse("admin:integrations_service_keys", args=[desk.service.pk])
    question = Question(
        title=f"{desk.service.name}: {title}",
        back=page,
        target=page,
        hidden=(("action", action), ("prefix", prefix), ("is_meant", "yes")),
        **about,
    )
    return ask(desk.request, question, site=desk.site)


def _what_cancelling_does(rotation: KeyRotation) -> str:
    if rotation.switched_at:
        return (
            f"The new key {rotation.new_prefix}… stays in use. The old key {rotation.old_prefix}… is not "
            "revoked; it becomes a standby key."
        )
    new = f" The new key {rotation.new_prefix}… is revoked if Clarius Cloud can be reached."
    return "The key in use stays in use." + (new if rotation.new_prefix else "")


def _is_confirmed(desk: Desk) -> bool:
    return desk.request.POST.get("is_meant") == "yes"


def _prefix(desk: Desk) -> str:
    return desk.request.POST.get("prefix", "").replace("\x00", "")[:40]


def _read(desk: Desk) -> str:
    read_again(service=desk.service, **desk.actor)
    return "The list of keys is up to date."


def _rotate(desk: Desk) -> str | HttpResponse:
    if not _is_confirmed(desk) and open_rotation(service=desk.service) is None:
        key = keyring.key_in_use(service=desk.service)
        prefix = key.prefix if key else ""
        return _ask(
            desk,
            action="rotate",
            prefix=prefix,
            title=f"rotate the key {prefix}…?",
            button="Rotate key",
            explanation="A new key is created, tested and put into use. Then the old key is revoked at "
            "Clarius Cloud. That cannot be undone: anything else that uses the old key is refused.",
        )
    start_rotation(service=desk.service, cause="person", **desk.actor)
    # The page shows the steps of the rotation.
    return ""


def _resume(desk: Desk) -> str:
    rotation = open_rotation(service=desk.service)
    if rotation is not None:
        retry_rotation(rotation=rotation, **desk.actor)
    return ""


def _cancel(desk: Desk) -> str | HttpResponse:
    rotation = open_rotation(service=desk.service)
    if rotation is None:
        return _show(desk, problem="No key is being rotated.")
    if not _is_confirmed(desk):
        return _ask(
            desk,
            action="cancel",
            prefix=rotation.new_prefix,
            title="cancel the rotation?",
            button="Cancel rotation",
            explanation=_what_cancelling_does(rotation),
            is_grave=True,
        )
    cancel_rotation(rotation=rotation, **desk.actor)
    return "The rotation was cancelled."


def _create(desk: Desk) -> str | HttpResponse:
    form = CreateKeyForm(desk.request.POST)
    if form.is_valid():
        try:
            key = changes.create_key(service=desk.service, name=form.cleaned_data["name"], **desk.actor)
        except NotDone as error:
            form.add_error("name", str(error))
        else:
            return f"The key {key.prefix}… was created and stored as a standby key."
    return _show(desk, create_form=form)


def _add(desk: Desk) -> str | HttpResponse:
    form = TypedKeyForm(desk.request.POST)
    if form.is_valid():
        try:
            key = changes.add_typed_key(service=desk.service, **form.cleaned_data, **desk.actor)
        except NotDone as error:
            form.add_error("key", str(error))
        else:
            return f"The key {key.prefix}… works and was saved."
    return _show(desk, type_form=form)


def _use(desk: Desk) -> str:
    prefix = _prefix(desk)
    changes.use_key(service=desk.service, prefix=prefix, **desk.actor)
    return f"The key {prefix}… is now in use. The previous key is a standby key."


def _revoke(desk: Desk) -> str | HttpResponse:
    prefix = _prefix(desk)
    row = next((each for each in list_keys(service=desk.service) if each.prefix == prefix), None)
    is_elsewhere = row is None or row.state == ELSEWHERE
    if not _is_confirmed(desk):
        changes.check_revocation(service=desk.service, prefix=prefix, **desk.actor)
        named = f" “{row.name}”" if row is not None and row.name else ""
        return _ask(
            desk,
            action="revoke",
            prefix=prefix,
            title=f"revoke the key {prefix}…?",
            button="Revoke key",
            explanation="Clarius Cloud will refuse this key from now on. That cannot be undone."
            + ("" if is_elsewhere else " It is no longer a standby key here."),
            warning=f"This portal does not hold the key{named}. Another deployment may use it; its calls "
            "to Clarius Cloud will fail."
            if is_elsewhere
            else "",
            is_grave=True,
        )
    changes.revoke_key(service=desk.service, prefix=prefix, **desk.actor)
    return f"The key {prefix}… was revoked."


ACTIONS: dict[str, DeskAction] = {
    "read": _read,
    "rotate": _rotate,
    "resume": _resume,
    "cancel": _cancel,
    "create": _create,
    "type": _add,
    "use": _use,
    "revoke": _revoke,
}
