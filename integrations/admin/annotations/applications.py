"""Applications and the editor of their annotations."""

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from foundation.adminkit.base import PortalAdmin
from foundation.adminkit.requests import find_row
from integrations.admin.annotations._pages import AnnotationPages
from integrations.admin.records import SyncAdmin
from integrations.models import AnnotationSnapshot, Application, Sync


@admin.register(Application)
class ApplicationAdmin(SyncAdmin):
    """The list of applications; the page of an application is its editor."""

    sync_kind = Sync.Kind.APPLICATIONS
    list_display = (
        "__str__",
        "service",
        "is_listed",
        "is_customized",
        "group_count",
        "read_at",
        "written_at",
    )
    list_filter = ("service", "is_customized", "is_listed")
    search_fields = ("name", "remote_uuid")
    list_select_related = ("service",)
    ordering = ("name", "pk")

    def has_customize_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may change annotations at Clarius Cloud."""
        return request.user.has_perm("integrations.customize_application")

    @admin.display(description="annotation groups")
    def group_count(self, application: Application) -> str:
        """Write the number of groups that the scanner shows, if known."""
        return str(len(application.annotations)) if application.is_customized else "Clarius's own"

    def get_urls(self) -> list[Any]:
        """Add the pages beside the editor."""
        names = ("remove", "import", "export", "preview")
        view = self.admin_site.admin_view(self.annotation_view)
        own = [
            path(f"<int:pk>/{name}/", view, {"page": name}, name=f"integrations_application_{name}")
            for name in names
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return self.annotation_view(request, pk=object_id, page="edit")

    def annotation_view(self, request: HttpRequest, pk: Any, page: str) -> HttpResponse:
        """Show one of the pages about an application's annotations."""
        application = find_row(Application.objects.select_related("service"), key=str(pk))
        if application is None:
            raise Http404
        return AnnotationPages(self, request, application).show(page)


@admin.register(AnnotationSnapshot)
class AnnotationSnapshotAdmin(PortalAdmin):
    """The annotations before each change; the application's page can restore them."""

    list_display = ("taken_at", "application", "is_customized", "taken_by", "outcome")
    list_filter = ("outcome", "application__service")
    list_select_related = ("application", "taken_by")
    ordering = ("-taken_at",)
    fields = ("uuid", "application", "taken_at", "taken_by", "outcome", "is_customized", "annotations")
