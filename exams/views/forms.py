"""Forms of the reviewers' pages: worklist filters and report upload."""

from typing import Any

from django import forms

from exams.models import Report, Submission
from exams.services.reports.drafts import NAME_LIMIT
from exams.services.review.worklist import FREE, IN_TROUBLE, MINE, NO_REPORT, REPORTED, Filters
from foundation.searching import RefusedFilter

S = Submission.State
SHOWN_STATES = {
    S.READY: "Ready",
    S.FETCHING: "Fetching",
    S.RECEIVED: "Received",
    # Pages call a failed exam incomplete if some of its captures arrived.
    S.FAILED: "Failed or incomplete",
}


class WorklistForm(forms.Form):
    """Filters from the URL."""

    claim = forms.ChoiceField(
        choices=[("", "Everyone’s"), (FREE, "Unclaimed"), (MINE, "Mine")], required=False
    )
    state = forms.ChoiceField(
        choices=[("", "Any state"), *((state.value, label) for state, label in SHOWN_STATES.items())],
        required=False,
    )
    report = forms.ChoiceField(
        choices=[
            ("", "Any report"),
            (NO_REPORT, "No report yet"),
            (REPORTED, "With a report"),
            (IN_TROUBLE, "Needs attention"),
        ],
        required=False,
    )
    customer = forms.UUIDField(required=False, widget=forms.HiddenInput)
    since = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def filters(self, *, words: str = "") -> Filters:
        """Return the filters; raises RefusedFilter for an invalid one: without it other rows are shown."""
        for name in self.errors:
            label = self[name].label or name
            raise RefusedFilter(f"The worklist cannot be filtered by this value of “{label}”.")
        given: dict[str, Any] = {name: value for name, value in self.cleaned_data.items() if value}
        return Filters(words=words, **given)


class ReportForm(forms.Form):
    """A report to upload."""

    name = forms.CharField(
        label="Report name",
        max_length=NAME_LIMIT,
        help_text="Shown to the clinician in Clarius Cloud. Do not include patient names.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    file = forms.FileField(
        label="File",
        # The service checks emptiness and type, for pages and programs alike.
        allow_empty_file=True,
        widget=forms.FileInput(
            attrs={"accept": ".pdf,.jpg,.jpeg,.jfif,.png,application/pdf,image/jpeg,image/png"}
        ),
    )
    replaces = forms.ModelChoiceField(
        label="Corrects",
        queryset=Report.objects.none(),
        to_field_name="uuid",
        required=False,
        empty_label="None (new report)",
        help_text="A signed report cannot be changed. A correction is a new report that refers to it.",
    )

    def __init__(self, *args: Any, submission: Submission, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["replaces"]
        signed = Report.objects.signed().filter(submission=submission).order_by("-signed_at")
        field.queryset = signed  # type: ignore[attr-defined]
        field.label_from_instance = lambda each: each.name  # type: ignore[attr-defined]
