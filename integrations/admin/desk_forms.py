"""What administrators fill in about a service's keys and settings."""

from typing import Any

from django import forms


class DeskForm(forms.Form):
    """A form whose labels are sentences, some of them questions: no colon is put behind them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)


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
    is_meant = forms.BooleanField(label="Yes, change this at Clarius Cloud now")
