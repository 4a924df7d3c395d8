"""Customers: what they are called here may be edited, their tokens are not even read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from audit.address import client_address
from audit.record import record
from integrations.admin.bases import ReadOnlyAdmin
from integrations.models import Customer

EDITABLE = ["label", "institution"]


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    """Customers by label, institution or the first signs of their keyed hash."""

    list_display = ("__str__", "institution", "service", "uuid", "created_at")
    list_filter = ("service",)
    search_fields = ("label", "institution", "uuid", "token_digest__startswith")
    list_select_related = ("service",)
    ordering = ("-created_at",)
    fields = ("label", "institution", "service", "uuid", "short_digest", "created_at")
    readonly_fields = ("service", "uuid", "short_digest", "created_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("integrations.change_customer")

    @admin.display(description="keyed hash")
    def short_digest(self, customer: Customer) -> str:
        """Show enough to tell customers apart."""
        return customer.token_digest[:4].upper()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the two columns of the form only."""
        obj.save(update_fields=EDITABLE)
        record(action="customer.renamed", actor=request.user, target=obj, address=client_address(request))
