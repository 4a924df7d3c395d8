"""Which exams from before the connection are to be let through."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from exams.services.releases import Waiting
from integrations.models import Customer, Service


class RangeForm(forms.Form):
    """A service, perhaps one customer of it, and days in the reader's zone, both included."""

    service = forms.ModelChoiceField(Service.objects.none(), empty_label=None)
    customer = forms.ModelChoiceField(Customer.objects.none(), required=False, empty_label="All customers")
    since = forms.DateField(
        required=False, label="Submitted from", widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        required=False, label="To (that day included)", widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, waiting: list[Waiting], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        services = Service.objects.filter(pk__in={each.service.pk for each in waiting})
        customers = Customer.objects.filter(pk__in={each.customer.pk for each in waiting})
        self._choice("service").queryset = services.order_by("name")
        self._choice("customer").queryset = customers.order_by("label", "pk")

    def _choice(self, name: str) -> Any:
        return self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Refuse a range that is empty and a customer of another service."""
        data = super().clean() or {}
        customer, service = data.get("customer"), data.get("service")
        if customer is not None and service is not None and customer.service_id != service.pk:
            raise ValidationError("This customer belongs to another service.")
        since, until = data.get("since"), data.get("until")
        if since is not None and until is not None and since > until:
            raise ValidationError("The first day is after the last one.")
        return data

    def bounds(self) -> dict[str, Any]:
        """Return the range as the services take it: the first moment, and the moment it ends before."""
        data = self.cleaned_data
        return {
            "service": data["service"],
            "customer": data["customer"],
            "since": _midnight(data["since"], days=0),
            "until": _midnight(data["until"], days=1),
        }


def _midnight(day: Any, *, days: int) -> datetime | None:
    if day is None:
        return None
    try:
        return timezone.make_aware(datetime.combine(day + timedelta(days=days), time.min)).astimezone(UTC)
    except OverflowError:
        # The first or the last day there is bounds nothing.
        return None
