"""Customers with their links, portal accounts and listing by Clarius Cloud; tokens are never read."""

from dataclasses import replace
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse

from accounts.models import User
from foundation.adminkit.question import Question, ask
from foundation.adminkit.requests import actor_of
from integrations.admin.customers._actions import ACTIONS
from integrations.admin.records import SyncAdmin
from integrations.cloud import CloudProblem
from integrations.models import Customer, Link, Sync
from integrations.services.actions import CONFIRM
from integrations.services.changing import NotDone
from integrations.services.customers.changes import active_link, describe_customer
from integrations.services.linking.links import check_again


class StatusFilter(admin.SimpleListFilter):
    """Filters customers by their status."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(name), str(label)) for name, label in Customer.Status.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(status=self.value()) if self.value() else queryset


def _ask_again(*, queryset: QuerySet[Customer], user: User, address: str | None) -> int:
    links = Link.objects.filter(customer__in=queryset.values("pk"))
    return check_again(queryset=links, user=user, address=address)


ASK_AGAIN = replace(
    CONFIRM, service=_ask_again, left="No account holds the others, so there is nothing to confirm."
)


@admin.register(Customer)
class CustomerAdmin(SyncAdmin):
    """The list and page of customers; the search also finds the first characters of their keyed hash."""

    sync_kind = Sync.Kind.CUSTOMERS
    list_display = (
        "__str__",
        "institution",
        "service",
        "status_label",
        "listed_at",
        "invited_at",
        "created_at",
    )
    list_filter = (StatusFilter, "service")
    search_fields = ("label", "institution", "uuid", "token_digest__startswith")
    list_select_related = ("service",)
    ordering = ("-created_at",)
    fields = ("label", "institution", "service", "uuid", "short_digest", "created_at", "listed_at")
    readonly_fields = ("service", "uuid", "short_digest", "created_at", "listed_at")
    change_form_outer_before_template = "integrations/customers/customer_actions.html"
    allows = ("change",)
    operators = "integrations.operate_customer"
    actions = (ASK_AGAIN,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # No page needs the encrypted tokens.
        return Customer.objects.with_status().defer("token")

    def get_urls(self) -> list[Any]:
        """Add a page for each action."""
        view = self.admin_site.admin_view(self.action_view)
        return [path("<int:pk>/do/<str:name>/", view, name="integrations_customer_do"), *super().get_urls()]

    @admin.display(description="status", ordering="status")
    def status_label(self, customer: Any) -> str:
        """Write the status that follows from links, accounts and the list of Clarius Cloud."""
        return str(Customer.Status(customer.status).label)

    @admin.display(description="keyed hash")
    def short_digest(self, customer: Customer) -> str:
        """Write the characters that name a customer without a label."""
        return customer.token_digest[:4].upper()

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        customer = self.get_object(request, object_id)
        context: dict[str, Any] = {"customer_actions": []}
        if customer is not None:
            link = active_link(customer=customer)
            context = {
                "customer": customer,
                "status": self.status_label(customer),
                "link": link,
                "customer_actions": self._actions_for(request, customer, is_held=link is not None),
            }
        return super().change_view(request, object_id, form_url, (extra_context or {}) | context)

    def _actions_for(self, request: HttpRequest, customer: Any, *, is_held: bool) -> list[dict[str, Any]]:
        if not self.has_operate_permission(request):
            return []
        can_return = customer.status == Customer.Status.GONE or customer.last_state == Link.State.GONE
        return [
            {"action": action, "url": reverse("admin:integrations_customer_do", args=[customer.pk, name])}
            for name, action in ACTIONS.items()
            if action.needs_holder == is_held or (name == "confirm" and can_return)
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the two columns of the form only."""
        describe_customer(
            customer=obj,
            label=obj.label,
            institution=obj.institution,
            **actor_of(request),
        )

    def action_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponse:
        """Explain an action; a POST with a valid form runs it."""
        action = ACTIONS.get(name)
        if action is None:
            raise Http404
        if not (self.has_view_permission(request) and self.has_operate_permission(request)):
            raise PermissionDenied
        customer = Customer.objects.select_related("service").filter(pk=pk).first()
        if customer is None:
            raise Http404
        form = action.form(request.POST if request.method == "POST" else None, customer=customer)
        back = reverse("admin:integrations_customer_change", args=[pk])
        if request.method == "POST" and form.is_valid():
            try:
                message = action.work(customer, form, actor_of(request))
            except (CloudProblem, NotDone) as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, message)
                return HttpResponseRedirect(back)
        link = active_link(customer=customer)
        institution = f", {customer.institution}" if customer.institution else ""
        question = Question(
            title=f"{action.title}: {customer}",
            button=action.button,
            back=back,
            explanation=action.explanation,
            is_grave=action.is_grave,
            facts=(
                ("Customer", f"{customer}{institution}"),
                ("Service", customer.service.name),
                ("Portal account", f"{link.user.display_name} ({link.user.email})" if link else "none"),
            ),
            form=form,
        )
        return ask(request, question, site=self.admin_site, opts=self.opts)
