"""The first page: the customers of the service and the progress of its setup."""

from django.db.models import Count, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST, require_safe

from sandbox import behaviour
from sandbox.models import Customer, Report, ServiceKey, Submission
from sandbox.pages.answer import done, refused, show
from sandbox.pages.forms import CustomerForm


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show the customers with their Connect buttons, and the setup steps of the service."""
    service = behaviour.service_settings()
    customers = behaviour.customers().annotate(sent=Count("submissions")).order_by("id")
    rows = [(each, behaviour.connect_url(each)) for each in customers]
    return show(
        request,
        "overview.html",
        rows=rows,
        form=CustomerForm(),
        service=service,
        has_key=ServiceKey.objects.filter(revoked=False).exists(),
        has_connection=any(each.confirmed_at for each, _ in rows),
        submission_count=Submission.objects.count(),
        reports=Report.objects.aggregate(count=Count("pk"), latest=Max("received_at")),
    )


@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Add a user of the service."""
    form = CustomerForm(request.POST)
    if not form.is_valid():
        return refused(request, "Enter a name of at most 100 characters.", "sandbox_overview")
    customer = behaviour.add_customer(**form.cleaned_data)
    return done(request, f"{customer.name} was added and can be connected.", "sandbox_overview")


@require_POST
def subscription(request: HttpRequest, pk: int) -> HttpResponse:
    """End or restart a customer's subscription."""
    customer = get_object_or_404(Customer, pk=pk)
    customer.is_subscribed = not customer.is_subscribed
    customer.save(update_fields=["is_subscribed"])
    state = "subscribed again" if customer.is_subscribed else "no longer subscribed"
    return done(request, f"{customer.name} is {state}.", "sandbox_overview")
