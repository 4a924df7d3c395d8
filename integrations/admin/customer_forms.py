"""What an administrator says when something is done with a customer."""

from typing import Any

from django import forms

from accounts.models import User
from integrations.models import Customer


class DeedForm(forms.Form):
    """Asks for nothing but the decision."""

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.customer = customer


class TransferForm(DeedForm):
    """To whom, why, and what the customer is called from then on."""

    email = forms.EmailField(
        label="Portal account that shall hold it", help_text="Its e-mail address; it exists already."
    )
    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept for administrators; not mailed. No patient data.",
    )
    label = forms.CharField(
        max_length=200, required=False, help_text="Was chosen by or for the account that holds it now."
    )
    institution = forms.CharField(max_length=200, required=False)

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        super().__init__(*args, customer=customer, **kwargs)
        self.fields["label"].initial = customer.label
        self.fields["institution"].initial = customer.institution

    def clean_email(self) -> str:
        """Find the account; raises ValidationError when there is none that is active."""
        email = str(self.cleaned_data["email"])
        self.recipient = User.objects.filter(email__iexact=email, is_active=True).first()
        if self.recipient is None:
            raise forms.ValidationError("No active account has this address. Invite its owner first.")
        return email


class InviteForm(DeedForm):
    """Whom to ask to press Connect."""

    email = forms.EmailField(
        label="Address",
        help_text="Asked to sign up or log in, and to press Connect again in Clarius Cloud.",
    )
