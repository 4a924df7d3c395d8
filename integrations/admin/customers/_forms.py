"""Forms for the actions on a customer."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.models import User
from foundation.adminkit.forms import ThemedForm
from integrations.models import Customer
from integrations.services.customers.changes import active_link
from integrations.services.health import ago

# An invitation to the same address within this time needs a confirmation.
INVITED_LATELY = timedelta(days=1)


class ActionForm(ThemedForm):
    """A form without fields, for a confirmation."""

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.customer = customer


class HolderForm(ActionForm):
    """A confirmation for the account that the page showed, and no other."""

    held_by = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, customer=customer, **kwargs)
        self.link = active_link(customer=customer)
        self.fields["held_by"].initial = str(self.link.uuid) if self.link else ""

    def clean(self) -> dict[str, Any]:
        """Reject the form if another account, or none, holds the customer by now."""
        cleaned = super().clean() or {}
        if self.link is None:
            raise forms.ValidationError("No account holds this customer.")
        if cleaned.get("held_by") != str(self.link.uuid):
            raise forms.ValidationError("Another account holds this customer now. Reload the page and check.")
        return cleaned


class TransferForm(HolderForm):
    """The new account, the reason, and the new label of the customer."""

    email = forms.EmailField(
        label="New portal account", help_text="The e-mail address of an existing account."
    )
    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For administrators only; not mailed. No patient data.",
    )
    label = forms.CharField(max_length=200, required=False, help_text="Chosen by or for the current account.")
    institution = forms.CharField(max_length=200, required=False)

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, customer=customer, **kwargs)
        self.fields["label"].initial = customer.label
        self.fields["institution"].initial = customer.institution

    def clean_email(self) -> str:
        """Find the account; raises ValidationError if no active account has this address."""
        email = str(self.cleaned_data["email"])
        self.recipient = User.objects.filter(email__iexact=email, is_active=True).first()
        if self.recipient is None:
            raise forms.ValidationError("No active account has this address. Invite its owner first.")
        return email


class InviteForm(ActionForm):
    """The address to invite, and a confirmation to send the same invitation again."""

    email = forms.EmailField(
        label="Address",
        help_text="Receives a mail that asks to sign up or log in and to press Connect in Clarius Cloud.",
    )
    is_again = forms.BooleanField(required=False, label="Send it to the same address again")

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, customer=customer, **kwargs)
        self.is_recent = (
            customer.invited_at is not None and customer.invited_at > timezone.now() - INVITED_LATELY
        )
        if not self.is_recent:
            del self.fields["is_again"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_same = cleaned.get("email", "").casefold() == self.customer.invited_email.casefold()
        if self.is_recent and is_same and not cleaned.get("is_again"):
            self.add_error(
                "is_again",
                f"{self.customer.invited_email} was invited {ago(self.customer.invited_at)}. "
                "Tick this to send the mail again.",
            )
        return cleaned
