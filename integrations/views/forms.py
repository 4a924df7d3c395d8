"""The form with which a person confirms a connection."""

from django import forms


class ConnectForm(forms.Form):
    """The customer's label and institution, and the pending token to use."""

    slot = forms.CharField(max_length=32, widget=forms.HiddenInput)
    label = forms.CharField(
        label="Your name",
        max_length=200,
        required=False,
        help_text="Reviewers see this name.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    institution = forms.CharField(
        label="Institution",
        max_length=200,
        required=False,
        help_text="Your clinic or practice (optional).",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
