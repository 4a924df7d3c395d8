"""What administrators fill in about a service's keys and settings."""

from typing import Any

from django import forms
from django.utils.text import slugify

from integrations.clarius import key_problem


class DeskForm(forms.Form):
    """A form whose labels are sentences, some of them questions: no colon is put behind them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)


class ConnectServiceForm(DeskForm):
    """A service at Clarius Cloud and its first key, which is typed once and never shown again."""

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
        help_text="Part of the addresses that the Cloud calls; never changes. Empty: made from the name.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    base_url = forms.CharField(
        max_length=500,
        initial="https://cloud.clarius.com",
        label="Base URL of Clarius Cloud",
        help_text="Of a region or a test system, if you were given one.",
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    key = forms.CharField(
        max_length=300,
        label="API key",
        help_text="Prefix, dot and secret as Clarius gave them. Proven by a call, sealed, and never shown.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_name(self) -> str:
        """Refuse a key in the wrong field: names are shown everywhere."""
        name: str = self.cleaned_data["name"]
        if key_problem(name) is None:
            raise forms.ValidationError("This looks like an API key. It belongs into the last field.")
        return name

    def clean(self) -> dict[str, Any]:
        """Propose a slug where none was typed."""
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("slug") and not self.has_error("slug"):
            cleaned["slug"] = slugify(cleaned.get("name", ""))[:50].strip("-_")
            if not cleaned["slug"] and cleaned.get("name"):
                self.add_error("slug", "No slug can be made from this name. Type one.")
        return cleaned


class CreateKeyForm(DeskForm):
    """A name for a key to be made at the Cloud."""

    name = forms.CharField(max_length=50, label="Name of the new key")


class TypedKeyForm(DeskForm):
    """A key that was made elsewhere; it is never shown again."""

    key = forms.CharField(
        max_length=300,
        label="API key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Prefix, dot and secret as Clarius Cloud showed them. It is proven by a call, then sealed.",
    )
    is_to_be_used = forms.BooleanField(required=False, label="Use it from now on instead of the one in use")


class PushForm(DeskForm):
    """What the Cloud shall be told, and that this is meant."""

    is_notified = forms.BooleanField(
        required=False,
        label="Notifications",
        help_text="Off: the Cloud tells us nothing, and the poll then carries all.",
    )
    is_connectable = forms.BooleanField(
        required=False,
        label="Hand-over of customers",
        help_text="Off: nobody can press Connect in Clarius Cloud. Those who are linked stay linked.",
    )
    may_replace_foreign = forms.BooleanField(
        required=False, label="Replace an address of another deployment, which then gets nothing any more"
    )
    is_meant = forms.BooleanField(
        label="Yes, change this at Clarius Cloud now",
        error_messages={"required": "Tick the box to confirm that this is to be changed at Clarius Cloud."},
    )
