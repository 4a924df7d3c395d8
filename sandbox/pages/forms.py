"""Forms of the pages."""

from collections.abc import Mapping
from typing import Any

from django import forms

from sandbox.behaviour import customers
from sandbox.fault_options import checked_options
from sandbox.faults import KINDS, MATCHES, kinds_for
from sandbox.models import Customer
from sandbox.pages.patients import ANIMAL_FIELDS, ANY_FIELDS, FIELDS, PERSON_FIELDS


class CustomerForm(forms.Form):
    """A new user of the service."""

    name = forms.CharField(max_length=100)
    institution = forms.CharField(max_length=100, required=False)


class CustomerChoice(forms.ModelChoiceField):
    """A choice of customers, each with its institution and whether it is connected."""

    def label_from_instance(self, obj: Any) -> str:
        place = f" · {obj.institution}" if obj.institution else ""
        return f"{obj.name}{place}{'' if obj.confirmed_at else ' (not connected)'}"


class PatientForm(forms.Form):
    """The patient and the customer who submits; empty fields are not sent."""

    customer = CustomerChoice(queryset=Customer.objects.none(), empty_label=None)
    notify = forms.BooleanField(required=False, initial=True)

    def __init__(self, *args: Any, patient: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = customers().filter(is_subscribed=True)
        choice = self.fields["customer"]
        assert isinstance(choice, CustomerChoice)  # noqa: S101 - narrows the type
        choice.queryset = rows
        choice.initial = rows.filter(confirmed_at__isnull=False).first() or rows.first()
        # Fields that the documents do not name are kept.
        self._unnamed = {name: value for name, value in (patient or {}).items() if name not in FIELDS}
        for name, label in FIELDS.items():
            value = (patient or {}).get(name, "")
            self.fields[name] = forms.CharField(label=label, required=False, initial=value, max_length=500)

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The patient's fields as the page groups them."""
        parts = {"Any patient": ANY_FIELDS, "A person": PERSON_FIELDS, "An animal": ANIMAL_FIELDS}
        return [(title, [self[name] for name in names]) for title, names in parts.items()]

    def patient(self) -> dict[str, Any]:
        """Return the fields that were filled in."""
        filled = {name: self.cleaned_data[name] for name in FIELDS if self.cleaned_data[name]}
        return {**self._unnamed, **filled}


class KeyForm(forms.Form):
    """A name for a new API key."""

    name = forms.CharField(max_length=50)


class ModeForm(forms.Form):
    """The delivery mode of notifications."""

    MODES = (
        ("send", "Send each notification once"),
        ("drop", "Lose each notification"),
        ("repeat", "Send each notification twice"),
        ("delay", "Send each notification five seconds late"),
    )
    mode = forms.ChoiceField(choices=MODES)


class ForgeForm(forms.Form):
    """A forged notification, without an exam behind it."""

    KINDS = (
        ("unknown_request", "A request_uuid that does not exist"),
        ("unknown_customer", "A customer that does not exist"),
        ("foreign_url", "A download_url of another origin"),
        ("bare", "Only request_uuid and customer_id"),
    )
    kind = forms.ChoiceField(choices=KINDS)


class FaultForm(forms.Form):
    """A fault: its kind, its endpoint and a number of calls."""

    match = forms.ChoiceField(choices=[("*", "every endpoint"), *((each, each) for each in MATCHES[:-1])])
    kind = forms.ChoiceField(choices=[(each, each) for each in KINDS])
    times = forms.IntegerField(min_value=1, max_value=100_000, initial=1)
    value = forms.CharField(max_length=500, required=False)
    retry_after = forms.IntegerField(min_value=0, max_value=86_400, required=False)

    # The option of each kind that the form's value sets.
    OPTIONS: Mapping[str, str] = {
        "status": "status",
        "status_after": "status",
        "delay": "seconds",
        "drip": "seconds",
        "truncate": "fraction",
        "no_length": "fraction",
        "redirect": "to",
        "foreign_next": "to",
        "foreign_url": "to",
        "grow": "count",
    }

    def clean(self) -> dict[str, Any]:
        """Set the option of the kind from the value."""
        data = super().clean() or {}
        kind = data.get("kind", "")
        if kind and kind not in kinds_for(data.get("match", "")):
            self.add_error("match", "This fault does not apply to this endpoint.")
        options: dict[str, Any] = {}
        if kind in self.OPTIONS and data.get("value"):
            options[self.OPTIONS[kind]] = data["value"]
        if kind in {"status", "status_after"} and data.get("retry_after") is not None:
            options["headers"] = {"Retry-After": str(data["retry_after"])}
        try:
            options = checked_options(kind=kind, options=options)
        except ValueError:
            self.add_error("value", "Enter a valid value for this fault.")
        return {**data, "options": options}
