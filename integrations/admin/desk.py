"""Pages about one service: their permissions, their buttons and how they are drawn."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from foundation.adminkit.requests import actor_of, find_row
from integrations.cloud import CloudProblem
from integrations.models import Service
from integrations.services.changing import NotDone


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
        """The account and the address of the request, as services take them."""
        return actor_of(self.request)

    def render(self, template: str, *, title: str, status: int = 200, **context: Any) -> HttpResponse:
        """Draw a page about the service."""
        known = {
            **self.site.each_context(self.request),
            "title": f"{self.service.name}: {title}",
            "service": self.service,
            "opts": None,
        }
        return render(self.request, template, known | context, status=status)

    def run(
        self, actions: "Mapping[str, DeskAction]", *, page: str, show: Callable[..., HttpResponse]
    ) -> HttpResponse:
        """Run the action that the pressed button names, then open `page`; `show` draws it with a problem."""
        action = actions.get(self.request.POST.get("action", ""))
        if action is None:
            return show(self, problem="Unknown action.")
        try:
            answer = action(self)
        except (CloudProblem, NotDone) as error:
            return show(self, problem=str(error))
        return self.back(page, message=answer) if isinstance(answer, str) else answer

    def back(self, name: str, *, message: str = "") -> HttpResponse:
        """Redirect to a page of this service, with a message of success."""
        if message:
            messages.success(self.request, message)
        return HttpResponseRedirect(reverse(f"admin:integrations_service_{name}", args=[self.service.pk]))


# Returns the message of success, or a page of its own: a question, or a form with errors.
DeskAction = Callable[[Desk], str | HttpResponse]
