"""The keys of a service: list, replace, make, type in, use another, revoke."""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integrations.admin.desk import Desk
from integrations.admin.desk_forms import CreateKeyForm, TypedKeyForm
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services import keys
from integrations.services.key_list import ELSEWHERE, list_keys
from integrations.services.remote_state import CannotRead, last_read, read_again
from integrations.services.rotation import (
    CannotRotate,
    cancel_rotation,
    open_rotation,
    retry_rotation,
    start_rotation,
)

PERMISSION = "integrations.manage_service"
Step = KeyRotation.Step
PATH = (Step.INTENDED, Step.STORED, Step.PROVEN, Step.SWITCHED, Step.DRAINING, Step.DONE)


def key_page(request: HttpRequest, pk: str, *, site: AdminSite) -> HttpResponse:
    """Show the keys, or do what one of the buttons says."""
    desk = Desk(site=site, request=request, pk=pk, permission=PERMISSION)
    if request.method != "POST":
        return _show(desk)
    deed = DEEDS.get(request.POST.get("deed", ""))
    return deed(desk) if deed is not None else _show(desk, problem="This is no action.")


def rotation_fragment(request: HttpRequest, pk: str, *, site: AdminSite) -> HttpResponse:
    """Show the keys and how far the replacement is; the page asks for it every few seconds."""
    desk = Desk(site=site, request=request, pk=pk, permission=PERMISSION)
    return render(request, "integrations/admin/_keys.html", _known(desk.service))


def _show(
    desk: Desk, *, problem: str = "", create_form: Form | None = None, type_form: Form | None = None
) -> HttpResponse:
    context = _known(desk.service) | {
        "problem": problem,
        "create_form": create_form or CreateKeyForm(),
        "type_form": type_form or TypedKeyForm(),
    }
    return desk.render("keys.html", title="API keys", status=400 if problem else 200, **context)


def _known(service: Service) -> dict[str, object]:
    # Read after the rotation: what ended in between shows at the next turn.
    rotation = open_rotation(service=service)
    last = KeyRotation.objects.filter(service=service).first()
    reached = PATH.index(Step(rotation.step)) if rotation is not None else -1
    in_use = _prefix_in_use(service)
    return {
        "service": service,
        "rotation": rotation,
        "last_rotation": last,
        "is_last_in_use": last is not None and bool(in_use) and last.new_prefix == in_use,
        "steps": [(step.label, place < reached, place == reached) for place, step in enumerate(PATH)],
        "can_be_replaced": bool(in_use) and service.circuit_opened_at is None,
        "keys": list_keys(service=service),
        "state": last_read(service=service),
    }


def _prefix_in_use(service: Service) -> str:
    keys_in_use = ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None)
    return keys_in_use.values_list("prefix", flat=True).first() or ""


def _ask(desk: Desk, **context: Any) -> HttpResponse:
    """Say what follows and ask whether that is meant."""
    return desk.render("key_ask.html", title="API keys", **context)


def _is_meant(desk: Desk) -> bool:
    return desk.request.POST.get("is_meant") == "yes"


def _prefix(desk: Desk) -> str:
    return desk.request.POST.get("prefix", "").replace("\x00", "")[:40]


def _read(desk: Desk) -> HttpResponse:
    try:
        read_again(service=desk.service, **desk.actor)
    except CannotRead as error:
        return _show(desk, problem=f"{error} The list below is the one that was read last.")
    return desk.back("keys", said="The list was read again.")


def _rotate(desk: Desk) -> HttpResponse:
    if not _is_meant(desk) and open_rotation(service=desk.service) is None:
        return _ask(desk, deed="rotate", prefix=_prefix_in_use(desk.service))
    try:
        start_rotation(service=desk.service, cause="person", **desk.actor)
    except CannotRotate as error:
        return _show(desk, problem=str(error))
    return desk.back("keys")


def _resume(desk: Desk) -> HttpResponse:
    rotation = open_rotation(service=desk.service)
    if rotation is not None:
        retry_rotation(rotation=rotation, **desk.actor)
    return desk.back("keys")


def _cancel(desk: Desk) -> HttpResponse:
    rotation = open_rotation(service=desk.service)
    if rotation is None:
        return _show(desk, problem="No key is being replaced.")
    if not _is_meant(desk):
        return _ask(desk, deed="cancel", prefix=rotation.new_prefix, rotation=rotation)
    try:
        cancel_rotation(rotation=rotation, **desk.actor)
    except CannotRotate as error:
        return _show(desk, problem=str(error))
    return desk.back("keys", said="The replacement was cancelled.")


def _create(desk: Desk) -> HttpResponse:
    form = CreateKeyForm(desk.request.POST)
    if form.is_valid():
        try:
            key = keys.create_key(service=desk.service, name=form.cleaned_data["name"], **desk.actor)
        except keys.KeyProblem as error:
            form.add_error("name", str(error))
        else:
            return desk.back("keys", said=f"The key {key.prefix}… was made and stored as a reserve.")
    return _show(desk, create_form=form)


def _type(desk: Desk) -> HttpResponse:
    form = TypedKeyForm(desk.request.POST)
    if form.is_valid():
        try:
            key = keys.add_typed_key(service=desk.service, **form.cleaned_data, **desk.actor)
        except keys.KeyProblem as error:
            form.add_error("key", str(error))
        else:
            return desk.back("keys", said=f"The key {key.prefix}… works and was stored.")
    return _show(desk, type_form=form)


def _use(desk: Desk) -> HttpResponse:
    prefix = _prefix(desk)
    try:
        keys.use_key(service=desk.service, prefix=prefix, **desk.actor)
    except keys.KeyProblem as error:
        return _show(desk, problem=str(error))
    return desk.back("keys", said=f"The key {prefix}… works and is in use now; the former stays in reserve.")


def _revoke(desk: Desk) -> HttpResponse:
    prefix = _prefix(desk)
    row = next((each for each in list_keys(service=desk.service) if each.prefix == prefix), None)
    is_elsewhere = row is None or row.state == ELSEWHERE
    try:
        if not _is_meant(desk):
            keys.check_revocation(service=desk.service, prefix=prefix, **desk.actor)
            return _ask(desk, deed="revoke", prefix=prefix, key=row, is_elsewhere=is_elsewhere)
        keys.revoke_key(service=desk.service, prefix=prefix, **desk.actor)
    except keys.KeyProblem as error:
        return _show(desk, problem=str(error))
    return desk.back("keys", said=f"The key {prefix}… was revoked.")


DEEDS: dict[str, Callable[[Desk], HttpResponse]] = {
    "read": _read,
    "rotate": _rotate,
    "resume": _resume,
    "cancel": _cancel,
    "create": _create,
    "type": _type,
    "use": _use,
    "revoke": _revoke,
}
