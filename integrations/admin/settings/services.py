"""Services and their keys."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path

from foundation.adminkit.base import PortalAdmin
from foundation.adminkit.columns import LEASE_FIELDS
from foundation.adminkit.requests import actor_of, find_row
from integrations.admin import keys
from integrations.admin.settings._connect import connect_page, was_just_connected
from integrations.admin.settings._setting_pages import reveal_page, setting_page, test_page
from integrations.models import ApiKey, Service
from integrations.services.actions import PAUSE, POLL, POLL_EVERYTHING, PROBE, RESUME
from integrations.services.health import health_of
from integrations.services.settings.addresses import connect_url, is_public_https
from integrations.services.settings.push import reveal_webhook


@admin.register(Service)
class ServiceAdmin(PortalAdmin):
    """The list of services, and the page of each with its health."""

    list_display = (
        "name",
        "slug",
        "is_active",
        "is_registered",
        "is_sandbox",
        "is_refused",
        "polled_at",
        "remote_count",
    )
    list_filter = ("is_active", "is_registered", "is_poll_only", "is_sandbox")
    search_fields = ("name", "slug", "base_url")
    ordering = ("name",)
    fieldsets = (
        (
            "All fields",
            {
                "classes": ["collapse"],
                "fields": (
                    ("name", "slug"),
                    "base_url",
                    ("is_active", "is_registered"),
                    ("is_poll_only", "is_sandbox"),
                    ("take", "take_since"),
                    "masked_webhook",
                    "connect_address",
                    ("polled_at", "remote_count"),
                    ("full_polled_at", "full_poll_due_at"),
                    ("circuit_opened_at", "circuit_probe_at"),
                    ("last_error", "last_error_at"),
                    *LEASE_FIELDS,
                ),
            },
        ),
    )
    readonly_fields = ("masked_webhook", "connect_address", "is_refused")
    operators = "integrations.operate_service"
    question_columns = ("name", "is_active", "polled_at")
    actions = (POLL, POLL_EVERYTHING, PROBE, PAUSE, RESUME, "reveal_webhook")

    list_before_template = "integrations/settings/connect_link.html"
    show_add_link = False
    change_form_outer_before_template = "integrations/settings/_health.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the pages about a service's keys, settings and connection."""
        pages: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("keys", "keys/", partial(keys.key_page, site=self.admin_site)),
            ("rotation", "keys/rotation/", partial(keys.rotation_fragment, site=self.admin_site)),
            ("settings", "settings/", partial(setting_page, site=self.admin_site)),
            ("reveal", "settings/reveal/", partial(reveal_page, site=self.admin_site)),
            ("test", "test/", partial(test_page, site=self.admin_site)),
        ]
        own = [
            path(
                f"<path:pk>/{route}",
                self.admin_site.admin_view(view),
                name=f"integrations_service_{name}",
            )
            for name, route, view in pages
        ]
        return own + super().get_urls()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether this person may connect services."""
        return request.user.has_perms(["integrations.view_service", "integrations.add_service"])

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Connect a service."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return connect_page(request, site=self.admin_site)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the service's health above its fields."""
        service = find_row(Service.objects.all(), key=object_id)
        known = extra_context or {}
        if service is not None:
            known |= {
                "service": service,
                "health": health_of(service=service),
                "is_just_connected": was_just_connected(request, pk=service.pk),
                "is_public": is_public_https(),
            }
        return super().change_view(request, object_id, form_url, known)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Service]) -> HttpResponse:
        """Run an action; a button on the page of a service leads back to that page."""
        response = super().response_action(request, queryset)
        chosen = request.POST.getlist("_selected_action")
        if (
            response is not None
            and response.status_code == 302
            and "stay" in request.POST
            and len(chosen) == 1
        ):
            return redirect("admin:integrations_service_change", chosen[0])
        return response

    @admin.display(description="API key", ordering="circuit_opened_at")
    def is_refused(self, service: Service) -> str:
        """Write whether Clarius Cloud refuses every key."""
        return "refused" if service.circuit_opened_at is not None else "accepted"

    @admin.display(description="notification URL")
    def masked_webhook(self, service: Service) -> str:
        """Write the webhook URL with its secret masked."""
        return f"/webhooks/clarius/{service.slug}/••••••••/"

    @admin.display(description="token transfer URL")
    def connect_address(self, service: Service) -> str:
        """Write the URL that Clarius Cloud opens for customers."""
        return connect_url(service=service)

    @admin.action(description="Show the notification URL (audited)", permissions=["operate"])
    def reveal_webhook(self, request: HttpRequest, queryset: QuerySet[Service]) -> HttpResponse:
        """Show the secret URLs in this response only; a message would carry them in a cookie."""
        chosen = Service.objects.filter(pk__in=queryset.values("pk"))
        actor = actor_of(request)
        urls = [reveal_webhook(service=service, **actor) for service in chosen]
        context = self.admin_site.each_context(request) | {"title": "Notification URLs", "urls": urls}
        return render(request, "integrations/settings/reveal.html", context)


@admin.register(ApiKey)
class ApiKeyAdmin(PortalAdmin):
    """The list and page of API keys by prefix; secrets are never shown."""

    list_display = ("prefix", "service", "is_in_use", "in_use_since", "last_used_at", "revoked_at")
    list_filter = ("is_in_use", "service")
    search_fields = ("prefix", "name", "service__slug")
    list_select_related = ("service",)
    ordering = ("service", "-is_in_use", "-created_at")
    fields = (
        "service",
        ("prefix", "name"),
        ("is_in_use", "in_use_since"),
        "last_used_at",
        ("created_at", "revoked_at"),
    )
