"""What a person may change about their own account, and how administrators invite."""

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
        """Write these columns only, whatever else changes meanwhile."""
        self.instance.save(update_fields=self.Meta.fields)
        return self.instance


class InvitationForm(forms.ModelForm):
    """Whom to invite, and as what."""

    class Meta:
        model = Invitation
        fields = ("email", "is_reviewer")

    def clean_email(self) -> str:
        """Store addresses in small letters; raises ValidationError for one that has an account."""
        email: Any = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists() and not self.cleaned_data.get("is_reviewer"):
            raise forms.ValidationError("This address has an account already.")
        return str(email)
