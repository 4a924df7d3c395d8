"""The pages of one service in the admin: who may open them, and how they are drawn."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from foundation.adminkit.requests import actor_of, find_row
from integrations.models import Service


class Desk:
    """One request about one service; raises Http404 and PermissionDenied."""

    def __init__(self, *, site: AdminSite, request: HttpRequest, pk: str, permission: str) -> None:
        if not (request.user.has_perm("integrations.view_service") and request.user.has_perm(permission)):
            raise PermissionDenied
        service = find_row(Service.objects.all(), key=pk)
        if service is None:
            raise Http404
        self.site, self.request, self.service = site, request, service

    @property
    def actor(self) -> dict[str, Any]:
        """Who acts, as services want to know it."""
        return actor_of(self.request)

    def render(self, template: str, *, title: str, status: int = 200, **context: Any) -> HttpResponse:
        """Draw a page of the desk."""
        known = {
            **self.site.each_context(self.request),
            "title": f"{self.service.name}: {title}",
            "service": self.service,
            "opts": None,
        }
        return render(self.request, f"integrations/admin/{template}", known | context, status=status)

    def back(self, name: str, *, message: str = "") -> HttpResponse:
        """Go to a page of this service, with a sentence that all is well."""
        if message:
            messages.success(self.request, message)
        return HttpResponseRedirect(reverse(f"admin:integrations_service_{name}", args=[self.service.pk]))
