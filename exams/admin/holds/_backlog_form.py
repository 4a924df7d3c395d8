"""The form that selects the exams of the backlog to import."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from exams.services.holds.backlog import all_backlog
from integrations.models import Customer, Service

# The name of a customer without a label.
UNNAMED = re.compile(r"Customer ([0-9A-Fa-f]{4})")
# Customers listed when a label is ambiguous.
MOST_NAMED = 10


class RangeForm(forms.Form):
    """A service, optionally one of its customers, and a range of days in the reader's zone, both included."""

    service = forms.ModelChoiceField(Service.objects.none(), empty_label=None)
    # The button of a row sends its customer; a list of choices would be as long as the list of customers.
    customer = forms.ModelChoiceField(
        Customer.objects.none(),
        required=False,
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "This customer has no exams in the backlog any more."},
    )
    customer_label = forms.CharField(
        required=False, max_length=200, label="Customer (part of the label; all if empty)"
    )
    since = forms.DateField(
        required=False, label="Submitted from", widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        required=False, label="To (that day included)", widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        backlog = all_backlog().order_by()
        services = Service.objects.filter(pk__in=backlog.values("service"))
        self._choice("service").queryset = services.order_by("name")
        self._choice("customer").queryset = Customer.objects.filter(pk__in=backlog.values("customer"))

    def _choice(self, name: str) -> Any:
        return self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Reject an empty range and a customer of another service."""
        data = super().clean() or {}
        if data.get("customer_label") and data.get("service") and not data.get("customer"):
            data["customer"] = self._named(data["service"], data["customer_label"])
        customer, service = data.get("customer"), data.get("service")
        if customer is not None and service is not None and customer.service_id != service.pk:
            raise ValidationError("This customer belongs to another service.")
        since, until = data.get("since"), data.get("until")
        if since is not None and until is not None and since > until:
            raise ValidationError("The first day is after the last one.")
        return data

    def _named(self, service: Service, label: str) -> Customer:
        """Return the one customer with this label and exams in the backlog; raises ValidationError."""
        known = self._choice("customer").queryset.filter(service=service)
        unnamed = UNNAMED.fullmatch(label)
        if unnamed:
            found = known.filter(label="", token_digest__startswith=unnamed[1].lower())
        else:
            found = known.filter(label__iexact=label)
            found = found if found.exists() else known.filter(label__icontains=label)
        some = list(found.order_by("label", "pk")[: MOST_NAMED + 1])
        if len(some) == 1:
            return some[0]
        if not some:
            raise ValidationError({"customer_label": "No customer with this label has exams in the backlog."})
        names = ", ".join(str(each) for each in some[:MOST_NAMED])
        more = " and more" if len(some) > MOST_NAMED else ""
        raise ValidationError({"customer_label": f"Several customers match: {names}{more}."})

    def bounds(self) -> dict[str, Any]:
        """Return the range as services take it: its first moment, and the moment after its last."""
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
        # The first or last possible date does not limit the range.
        return None
