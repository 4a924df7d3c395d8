"""Labels for the objects of entries. Other apps register labels for their models."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import Model

from audit.models import Entry


@dataclass(frozen=True)
class Label:
    """The label of a model's rows, and the relations that it reads."""

    of: Callable[[Any], str] = str
    related: tuple[str, ...] = ()


_labels: dict[str, Label] = {}


def register_label(*, model: type[Model], label: Callable[[Any], str], related: tuple[str, ...] = ()) -> None:
    """Use this label for rows of `model` in the log."""
    _labels[model._meta.label_lower] = Label(label, related)


def model_of(target_type: str) -> type[Model] | None:
    """Return the model with this name, or None if there is none."""
    try:
        return apps.get_model(target_type)
    except (LookupError, ValueError):
        return None


def type_label(target_type: str) -> str:
    """Return the readable name of a type of objects."""
    model = model_of(target_type)
    return str(model._meta.verbose_name) if model is not None else target_type


def find_targets(entries: Iterable[Entry]) -> dict[tuple[str, str], Model]:
    """Return the existing rows that entries are about, with a query for each type."""
    wanted: dict[str, set[str]] = {}
    for entry in entries:
        wanted.setdefault(entry.target_type, set()).add(entry.target_id)
    found: dict[tuple[str, str], Model] = {}
    for target_type, names in wanted.items():
        model = model_of(target_type)
        if model is not None:
            found |= {(target_type, name): row for name, row in _find_rows(model, names).items()}
    return found


def target_label(row: Model) -> str:
    """Return the type and the label of a row."""
    label = _labels.get(row._meta.label_lower, Label())
    return f"{row._meta.verbose_name} {label.of(row)}"


def _find_rows(model: type[Model], names: set[str]) -> dict[str, Model]:
    field: Any = next((each for each in model._meta.fields if each.name == "uuid"), model._meta.pk)
    key = field.attname
    label = _labels.get(model._meta.label_lower, Label())
    rows = model._base_manager.filter(**{f"{key}__in": [each for each in names if _fits(field, each)]})
    if label.related:
        rows = rows.select_related(*label.related)
    return {str(getattr(row, key)): row for row in rows}


def _fits(field: Any, name: str) -> bool:
    try:
        return field.to_python(name) is not None
    except ValidationError:
        return False
