"""Admin forms in the style of the theme."""

from typing import Any

from django import forms
from unfold.widgets import CHECKBOX_CLASSES, INPUT_CLASSES, SELECT_CLASSES, TEXTAREA_CLASSES

CLASSES: dict[type[forms.Widget], list[str]] = {
    forms.CheckboxInput: CHECKBOX_CLASSES,
    forms.Select: SELECT_CLASSES,
    forms.Textarea: TEXTAREA_CLASSES,
}


class ThemedForm(forms.Form):
    """A form drawn by the theme's templates; its labels have no colon, since some are questions."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": ""} | kwargs)
        for field in self.fields.values():
            classes = next(
                (each for kind, each in CLASSES.items() if isinstance(field.widget, kind)), INPUT_CLASSES
            )
            field.widget.attrs["class"] = " ".join(classes)
