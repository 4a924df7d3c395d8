"""Forms for the keys and settings of a service."""

from typing import Any

from django import forms
from django.utils.text import slugify

from foundation.adminkit.forms import ThemedForm
from integrations.clarius import key_problem


class ConnectServiceForm(ThemedForm):
    """A service at Clarius Cloud and its first key, which is entered once and never shown again."""

    name = forms.CharField(
        max_length=200,
        label="Name",
        help_text="What people read here, such as “Echo reading”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    slug = forms.CharField(
        max_length=50,
        required=False,
        label="Slug",
        help_text="Part of the URLs that Clarius Cloud calls; never changes. If empty, made from the name.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    base_url = forms.CharField(
        max_length=500,
        initial="https://cloud.clarius.com",
        label="Base URL of Clarius Cloud",
        help_text="Change it only if Clarius gave you one for a region or a test system.",
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    key = forms.CharField(
        max_length=300,
        label="API key",
        help_text="Prefix, dot and secret as Clarius gave them. Tested, stored encrypted and never shown.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_name(self) -> str:
        """Reject a key in the wrong field, since names are shown everywhere."""
        name: str = self.cleaned_data["name"]
        if key_problem(name) is None:
            raise forms.ValidationError("This looks like an API key. Enter it in the last field.")
        return name

    def clean(self) -> dict[str, Any]:
        """Make a slug from the name if none was entered."""
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("slug") and not self.has_error("slug"):
            cleaned["slug"] = slugify(cleaned.get("name", ""))[:50].strip("-_")
            if not cleaned["slug"] and cleaned.get("name"):
                self.add_error("slug", "No slug can be made from this name. Enter one.")
        return cleaned


class CreateKeyForm(ThemedForm):
    """A name for a key to be created at Clarius Cloud."""

    name = forms.CharField(max_length=50, label="Name of the new key")


class TypedKeyForm(ThemedForm):
    """A key that was created elsewhere; it is never shown again."""

    key = forms.CharField(
        max_length=300,
        label="API key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Prefix, dot and secret as Clarius Cloud showed them. Tested, then stored encrypted.",
    )
    is_to_be_used = forms.BooleanField(required=False, label="Use this key from now on")


class PushForm(ThemedForm):
    """The settings to save at Clarius Cloud, and a confirmation."""

    is_notified = forms.BooleanField(
        required=False,
        label="Notifications",
        help_text="If off, exams are found only by polling, up to 15 minutes later.",
    )
    is_connectable = forms.BooleanField(
        required=False,
        label="Customer connections",
        help_text="If off, customers cannot press Connect in Clarius Cloud. Existing links stay.",
    )
    may_replace_foreign = forms.BooleanField(
        required=False, label="Replace the URLs of another deployment, which then receives nothing"
    )
    is_meant = forms.BooleanField(
        label="Change this at Clarius Cloud now",
        error_messages={"required": "Tick the box to confirm the change at Clarius Cloud."},
    )
