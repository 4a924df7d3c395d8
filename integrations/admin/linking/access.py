"""Access of reviewers to services, granted one by one and never to oneself."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest

from accounts.admin import tell_waiting
from accounts.models import User
from accounts.roles import REVIEWERS
from foundation.address import client_address
from foundation.adminkit.base import PortalAdmin
from foundation.adminkit.requests import actor_of
from integrations.models import ReviewerAccess
from integrations.services.linking.access import audit_removal, grant_review


@admin.register(ReviewerAccess)
class ReviewerAccessAdmin(PortalAdmin):
    """The list of grants; a grant is added or removed, never edited."""

    allows = ("add", "delete")
    list_display = ("user", "service", "granted_at")
    list_filter = ("service",)
    search_fields = ("user__email", "service__slug", "service__name")
    list_select_related = ("user", "service")
    fields = ("user", "service")
    ordering = ("-granted_at",)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        """Offer reviewers other than this administrator: nobody grants themselves access to patient data."""
        if db_field.name == "user":
            reviewers = User.objects.filter(groups__name=REVIEWERS, is_active=True).order_by("email")
            actor = _acting(request)["actor"]
            kwargs["queryset"] = reviewers if actor.is_superuser else reviewers.exclude(pk=actor.pk)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Ask for the access; it may wait for a second administrator."""
        grant = grant_review(reviewer=obj.user, service=obj.service, **actor_of(request))
        tell_waiting(request, grant)
        made = ReviewerAccess.objects.filter(user=obj.user, service=obj.service)
        obj.pk = made.values_list("pk", flat=True).first()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            audit_removal(access=obj, **_acting(request))
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for access in queryset:
            self.delete_model(request, access)


def _acting(request: HttpRequest) -> dict[str, Any]:
    return {"actor": request.user, "address": client_address(request)}
