"""What a person says when they connect."""

from django import forms


class ConnectForm(forms.Form):
    """How the customer is called here, and which waiting token is meant."""

    slot = forms.CharField(max_length=32, widget=forms.HiddenInput)
    label = forms.CharField(
        label="Your name",
        max_length=200,
        required=False,
        help_text="How the reviewers call you.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    institution = forms.CharField(
        label="Institution",
        max_length=200,
        required=False,
        help_text="Clinic or practice, if you wish.",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
