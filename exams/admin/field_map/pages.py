"""The field map of each service, previewed on a stored answer before it is saved."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.entries import record_view
from exams.admin.base import ContentAdmin
from exams.admin.field_map._form import FieldMapForm, SampleForm
from exams.models import FieldMap
from exams.permissions import sees_all_content
from exams.services.field_map.rereading import MapChanged, change_map
from exams.services.field_map.shape import list_shape, preview_map
from exams.services.review.shown import find_patients
from foundation.address import client_address
from integrations.models import Service

CHANGED = (
    "Someone else changed this map after you opened this page. Nothing was saved. Your version is below; "
    "save it again to replace theirs."
)


@admin.register(FieldMap)
class FieldMapAdmin(ContentAdmin):
    """The list of services with their maps; each map has its own page."""

    operators = "exams.operate_fieldmap"
    plain_fields = ("service", *FieldMap.PATHS, "time_zone", "version", "read_count", "finished_at")

    def get_urls(self) -> list[URLPattern]:
        pages = {"map": edit_map, "preview": preview, "progress": progress}
        own = [
            path(
                f"<int:service_pk>/{name}/",
                self.admin_site.admin_view(view),
                {"admin": self},
                name=f"exams_fieldmap_{name}",
            )
            for name, view in pages.items()
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """List every service, with a map or without."""
        self.require_permission(request)
        services = Service.objects.select_related("field_map").order_by("name")
        context = self.admin_site.each_context(request) | {"title": "Field maps", "services": services}
        return TemplateResponse(request, "exams/field_map/field_maps.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def edit_map(request: HttpRequest, admin: FieldMapAdmin, service_pk: int) -> HttpResponse:
    """Show the map of a service with its preview; a POST saves it."""
    admin.require_permission(request, is_change=request.method == "POST")
    service = get_object_or_404(Service, pk=service_pk)
    current = FieldMap.objects.filter(service=service).first()
    data = request.POST if request.method == "POST" else None
    form = FieldMapForm(data, instance=FieldMap(service=service) if data else current)
    base = data.get("base", "0") if data else str(current.version if current else 0)
    if data and form.is_valid() and data.get("step") != "preview" and _save_map(request, service, form, base):
        messages.success(request, "The map was saved. Stored answers are being read again in the background.")
        return HttpResponseRedirect(reverse("admin:exams_fieldmap_map", args=[service.pk]))
    context = admin.admin_site.each_context(request) | _preview_context(request, service, form)
    if form.has_error(NON_FIELD_ERRORS, code="changed"):
        # The page now shows the current map, so the next attempt may replace it.
        current = FieldMap.objects.get(service=service)
        base = str(current.version)
    context |= {"title": f"Field map of {service}", "field_map": current, "form": form, "base": base}
    context["can_operate"] = admin.has_operate_permission(request)
    is_refused = data and form.errors and data.get("step") != "preview"
    return TemplateResponse(
        request, "exams/field_map/field_map.html", context, status=400 if is_refused else 200
    )


def _save_map(request: HttpRequest, service: Service, form: FieldMapForm, base: str) -> bool:
    """Save the map, or show on the form how someone else changed it in the meantime."""
    data = form.cleaned_data
    try:
        change_map(
            service=service,
            paths={name: data[name] for name in FieldMap.PATHS},
            time_zone=data["time_zone"],
            user=request.user,
            address=client_address(request),
            base=int(base) if base.isascii() and base.isdecimal() and len(base) < 10 else -1,
        )
    except MapChanged:
        current = FieldMap.objects.get(service=service)
        theirs = {name: getattr(current, name) for name in (*FieldMap.PATHS, "time_zone")}
        other = [name for name in theirs if theirs[name] != data[name]]
        notes = [f"{form[name].label}: theirs is {theirs[name] or 'empty'}." for name in other]
        if other:
            form.add_error(None, [ValidationError(CHANGED, code="changed"), *map(ValidationError, notes)])
        # If the same map was sent twice, it is saved already.
        return not other
    return True


@require_POST
def preview(request: HttpRequest, admin: FieldMapAdmin, service_pk: int) -> HttpResponse:
    """Send the fields that the map finds in the chosen answer, without saving it."""
    admin.require_permission(request)
    service = get_object_or_404(Service, pk=service_pk)
    form = FieldMapForm(request.POST, instance=FieldMap(service=service))
    context = _preview_context(request, service, form)
    return TemplateResponse(request, "exams/field_map/_preview.html", context)


@require_safe
def progress(request: HttpRequest, admin: FieldMapAdmin, service_pk: int) -> HttpResponse:
    """Send the number of stored answers that were read again."""
    admin.require_permission(request)
    # Through the service: SQLite fails on a foreign key of more than 64 bits.
    field_map = get_object_or_404(FieldMap, service=get_object_or_404(Service, pk=service_pk))
    return TemplateResponse(request, "exams/field_map/_progress.html", {"field_map": field_map})


def _preview_context(request: HttpRequest, service: Service, form: FieldMapForm) -> dict[str, Any]:
    samples = SampleForm(request.POST or None, service_id=service.pk)
    chosen = samples.chosen()
    context: dict[str, Any] = {"service": service, "samples": samples, "chosen": chosen}
    if chosen is None:
        return context
    shows_values = sees_all_content(request.user)
    if shows_values:
        patients = find_patients([chosen.pk])
        record_view(request, action="submission.viewed", target=chosen, patients=patients)
    if form.is_bound:
        form.is_valid()
        draft = form.draft()
    else:
        draft = form.instance
    return context | {
        "found": preview_map(field_map=draft, raw=chosen.raw_data),
        "shape": list_shape(chosen.raw_data),
        "shows_values": shows_values,
        "errors": [(field.label, text) for field in form if form.is_bound for text in field.errors],
    }
