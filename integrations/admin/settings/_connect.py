"""The page that connects a service: the key is tested with Clarius Cloud before it is stored."""

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from foundation.adminkit.requests import actor_of
from integrations.admin.desk_forms import ConnectServiceForm
from integrations.services.setup import CannotConnect, Wishes, connect

# Session key: the service whose page tests its connection automatically when it is next opened.
JUST_CONNECTED = "just_connected_service"


def connect_page(request: HttpRequest, *, site: AdminSite) -> HttpResponse:
    """Show the form; a valid POST connects the service."""
    form = ConnectServiceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        wishes = Wishes(**form.cleaned_data, is_new=True)
        try:
            setup = connect(wishes=wishes, **actor_of(request))
        except CannotConnect as error:
            form.add_error(error.about if error.about in form.fields else None, str(error))
        else:
            request.session[JUST_CONNECTED] = setup.service.pk
            messages.success(request, f"{setup.service.name} is connected. Its API key works.")
            return HttpResponseRedirect(reverse("admin:integrations_service_change", args=[setup.service.pk]))
    context = site.each_context(request) | {"title": "Connect a service", "form": form, "opts": None}
    status = 400 if form.errors else 200
    return render(request, "integrations/settings/connect_service.html", context, status=status)


def was_just_connected(request: HttpRequest, *, pk: int) -> bool:
    """Return, once, whether this session has just connected the service."""
    if request.session.get(JUST_CONNECTED) != pk:
        return False
    del request.session[JUST_CONNECTED]
    return True
