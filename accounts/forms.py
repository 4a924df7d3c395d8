"""Forms for a person's own preferences and for inviting people."""

import zoneinfo
from typing import Any

from django import forms

from accounts.models import Invitation, User


def _zones() -> list[tuple[str, str]]:
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC")
    return [("", "UTC (default)"), *((name, name.replace("_", " ")) for name in names)]


class PreferencesForm(forms.ModelForm):
    """Name and time zone."""

    timezone = forms.ChoiceField(label="Time zone", choices=_zones, required=False)

    class Meta:
        model = User
        fields = ("first_name", "last_name", "timezone")

    def save(self, commit: bool = True) -> User:
        """Write only these columns, so that other changes made meanwhile are kept."""
        self.instance.save(update_fields=self.Meta.fields)
        return self.instance


class InvitationForm(forms.ModelForm):
    """The address to invite, and its role."""

    class Meta:
        model = Invitation
        fields = ("email", "is_reviewer")

    def clean_email(self) -> str:
        """Lowercase the address; raises ValidationError if it has an account already."""
        email: Any = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists() and not self.cleaned_data.get("is_reviewer"):
            raise forms.ValidationError("This address already has an account.")
        return str(email)
