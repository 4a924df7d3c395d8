"""The keys of a service: list, replace, make, type in, revoke."""

from django.contrib.admin import AdminSite
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integrations.admin.desk import Desk
from integrations.admin.desk_forms import CreateKeyForm, TypedKeyForm
from integrations.models import KeyRotation, Service
from integrations.services import keys
from integrations.services.remote_state import CannotRead, read_now, watch
from integrations.services.rotation import RotationUnderWay, open_rotation, retry_rotation, start_rotation

PERMISSION = "integrations.manage_service"
Step = KeyRotation.Step
PATH = (Step.INTENDED, Step.STORED, Step.PROVEN, Step.SWITCHED, Step.DRAINING, Step.DONE)


def key_page(request: HttpRequest, pk: str, *, site: AdminSite) -> HttpResponse:
    """Show the keys, or do what one of the buttons says."""
    desk = Desk(site=site, request=request, pk=pk, permission=PERMISSION)
    if request.method != "POST":
        return _show(desk)
    deeds = {
        "read": _read,
        "rotate": _rotate,
        "resume": _resume,
        "create": _create,
        "type": _type,
        "revoke": _revoke,
    }
    deed = deeds.get(request.POST.get("deed", ""))
    return deed(desk) if deed is not None else _show(desk, problem="This is no action.")


def rotation_fragment(request: HttpRequest, pk: str, *, site: AdminSite) -> HttpResponse:
    """Show how far the replacement is; the page asks for it every few seconds."""
    desk = Desk(site=site, request=request, pk=pk, permission=PERMISSION)
    return render(request, "integrations/admin/_rotation.html", _rotation(desk.service))


def _show(
    desk: Desk, *, problem: str = "", create_form: Form | None = None, type_form: Form | None = None
) -> HttpResponse:
    context = _rotation(desk.service) | {
        "keys": keys.list_keys(service=desk.service),
        "state": watch(service=desk.service),
        "problem": problem,
        "create_form": create_form or CreateKeyForm(),
        "type_form": type_form or TypedKeyForm(),
    }
    return desk.render("keys.html", title="API keys", status=400 if problem else 200, **context)


def _rotation(service: Service) -> dict[str, object]:
    rotation = open_rotation(service=service)
    last = KeyRotation.objects.filter(service=service).first()
    reached = PATH.index(Step(rotation.step)) if rotation is not None else -1
    steps = [(step.label, place < reached, place == reached) for place, step in enumerate(PATH)]
    return {"service": service, "rotation": rotation, "last_rotation": last, "steps": steps}


def _read(desk: Desk) -> HttpResponse:
    try:
        read_now(service=desk.service)
    except CannotRead as error:
        return _show(desk, problem=f"{error} The list below is the one that was read last.")
    return desk.back("keys", said="The list was read again.")


def _rotate(desk: Desk) -> HttpResponse:
    try:
        start_rotation(service=desk.service, cause="person", **desk.actor)
    except RotationUnderWay as error:
        return _show(desk, problem=str(error))
    return desk.back("keys")


def _resume(desk: Desk) -> HttpResponse:
    rotation = open_rotation(service=desk.service)
    if rotation is not None:
        retry_rotation(rotation=rotation, **desk.actor)
    return desk.back("keys")


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


def _revoke(desk: Desk) -> HttpResponse:
    prefix = desk.request.POST.get("prefix", "")[:40]
    try:
        keys.revoke_key(service=desk.service, prefix=prefix, **desk.actor)
    except keys.KeyProblem as error:
        return _show(desk, problem=str(error))
    return desk.back("keys", said=f"The key {prefix}… was revoked.")
