"""The form for a service's field map, and the choice of a stored answer for its preview."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from exams.models import FieldMap, Submission
from exams.models.names import short_id
from exams.services.field_map.mapping import check_path
from exams.services.field_map.paths import InvalidPath

# Stored answers to choose from.
MOST_SAMPLES = 20
# Placeholders that show the syntax of a path; no answer is known to have these fields.
EXAMPLES = {
    "examined_at": "exam.started_at",
    "application": "exam.application",
    "operator": "exam.operator.name",
    "institution": "exam.institution",
    "clinical_note": "exam.notes[0]",
    "capture_label": "captures[].label",
}


class FieldMapForm(forms.ModelForm):
    """The paths of a field map; a path is empty if the answer has no such field."""

    class Meta:
        model = FieldMap
        fields = (*FieldMap.PATHS, "time_zone")
        labels = {"time_zone": "Times without a zone are in"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in FieldMap.PATHS:
            about = {
                "list": "known-paths",
                "placeholder": EXAMPLES.get(name, ""),
                "autocomplete": "off",
                "spellcheck": "false",
            }
            self.fields[name].widget.attrs |= about

    def clean(self) -> dict[str, Any]:
        """Reject invalid paths, with the reason beside the field."""
        data = super().clean() or {}
        for name in FieldMap.PATHS:
            text = (data.get(name) or "").strip()
            data[name] = text
            try:
                if text:
                    check_path(name, text)
            except InvalidPath as error:
                self.add_error(name, ValidationError(str(error)))
        return data

    def draft(self) -> FieldMap:
        """Return an unsaved map of the valid paths."""
        # The cleaned data of a form with errors holds its valid fields.
        known = {name: self.cleaned_data.get(name, "") for name in FieldMap.PATHS}
        return FieldMap(time_zone=self.cleaned_data.get("time_zone") or "UTC", **known)


class SampleForm(forms.Form):
    """The choice of the stored answer that the preview reads."""

    sample = forms.ModelChoiceField(
        Submission.objects.none(),
        required=False,
        empty_label=None,
        label="Preview with",
        to_field_name="uuid",
    )

    def __init__(self, *args: Any, service_id: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Submission.objects.filter(service=service_id).exclude(raw_data="").defer("raw_data")
        newest = list(rows.newest_first().values_list("pk", flat=True)[:MOST_SAMPLES])
        field: Any = self.fields["sample"]
        field.queryset = rows.filter(pk__in=newest).newest_first()
        field.label_from_instance = self._label

    @staticmethod
    def _label(row: Submission) -> str:
        sent = row.submitted_at.strftime("%d %b %Y, %H:%M UTC") if row.submitted_at else "unknown"
        return f"Submitted {sent} ({short_id(row.request_uuid)})"

    def chosen(self) -> Submission | None:
        """Return the chosen answer, else the newest one."""
        field: Any = self.fields["sample"]
        row = self.cleaned_data.get("sample") if self.is_bound and self.is_valid() else None
        return row or field.queryset.first()
