"""The panel above a synced list: its last sync, the progress of a running one, a button to start one."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from foundation.adminkit.base import PortalAdmin
from foundation.adminkit.requests import actor_of, find_row
from integrations.models import Service, Sync
from integrations.services.sync import read_again


class SyncAdmin(PortalAdmin):
    """A list that is a copy of one at Clarius Cloud."""

    sync_kind: str
    list_before_template = "integrations/records/sync_panel.html"

    class Media:
        # The panel is in the body, but the admin loads scripts in the head.
        js = [Script("integrations/sync.js", defer=True)]

    def get_urls(self) -> list[Any]:
        """Add the two URLs of the panel."""
        site = self.admin_site.admin_view
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("read-again/", site(require_POST(self.read_again_view)), name=f"{name}_read_again"),
            path("panel/", site(require_GET(self.panel_view)), name=f"{name}_panel"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = (extra_context or {}) | self.panel_context(request)
        return super().changelist_view(request, context)

    def may_read_again(self, request: HttpRequest) -> bool:
        """Return whether this person may have the list read again."""
        return request.user.has_perm("integrations.operate_service")

    def panel_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return the context of the panel, with one line per service."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        lines = [self._line(service) for service in Service.objects.order_by("-is_active", "name")]
        return {
            "syncs": lines,
            "is_busy": any(line["is_running"] or line["is_waiting"] for line in lines),
            "may_read_again": self.may_read_again(request),
            "read_again_url": reverse(f"{name}_read_again"),
            "panel_url": reverse(f"{name}_panel"),
        }

    def _line(self, service: Service) -> dict[str, Any]:
        sync = Sync.objects.filter(service=service, kind=self.sync_kind).first()
        line = {"service": service, "sync": sync, "is_running": False, "is_waiting": False}
        # The worker postpones the syncs of a paused service.
        if sync is None or not service.is_active:
            return line
        now = timezone.now()
        is_running = sync.lease_until is not None and sync.lease_until > now
        is_due = sync.not_before is not None and sync.not_before <= now
        return line | {"is_running": is_running, "is_waiting": is_due and not is_running}

    def panel_view(self, request: HttpRequest) -> HttpResponse:
        """Send the lines of the panel, for a page that shows the progress of a sync."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return render(request, "integrations/records/_syncs.html", self.panel_context(request))

    def read_again_view(self, request: HttpRequest) -> HttpResponse:
        """Make the sync due and return to the list."""
        if not (self.has_view_permission(request) and self.may_read_again(request)):
            raise PermissionDenied
        service = find_row(Service.objects.all(), key=request.POST.get("service", ""))
        if service is None:
            raise Http404
        if service.is_active:
            read_again(service=service, kind=self.sync_kind, **actor_of(request))
            messages.success(request, f"{service.name} will be read as soon as a worker is free.")
        else:
            messages.error(request, f"{service.name} is paused. Resume it first.")
        return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"))
