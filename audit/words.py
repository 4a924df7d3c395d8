"""What a reader calls the object of an entry: other apps say it of their own rows, this app knows none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import Model

from audit.models import Entry


@dataclass(frozen=True)
class Naming:
    """How rows of a model are called, and what is read along with them for it."""

    words: Callable[[Any], str] = str
    related: tuple[str, ...] = ()


_namings: dict[str, Naming] = {}


def register_words(*, model: type[Model], words: Callable[[Any], str], related: tuple[str, ...] = ()) -> None:
    """Call rows of `model` in these words wherever the log names one."""
    _namings[model._meta.label_lower] = Naming(words, related)


def model_of(target_type: str) -> type[Model] | None:
    """Return the model of this label, None when it is gone or never was."""
    try:
        return apps.get_model(target_type)
    except (LookupError, ValueError):
        return None


def type_words(target_type: str) -> str:
    """Return what a reader calls a kind of object."""
    model = model_of(target_type)
    return str(model._meta.verbose_name) if model is not None else target_type


def find_targets(entries: Iterable[Entry]) -> dict[tuple[str, str], Model]:
    """Return the rows that entries name and that still exist, a query for each type."""
    wanted: dict[str, set[str]] = {}
    for entry in entries:
        wanted.setdefault(entry.target_type, set()).add(entry.target_id)
    found: dict[tuple[str, str], Model] = {}
    for target_type, names in wanted.items():
        model = model_of(target_type)
        if model is not None:
            found |= {(target_type, name): row for name, row in _read(model, names).items()}
    return found


def name_target(row: Model) -> str:
    """Write what a row is and how it is called."""
    naming = _namings.get(row._meta.label_lower, Naming())
    return f"{row._meta.verbose_name} {naming.words(row)}"


def _read(model: type[Model], names: set[str]) -> dict[str, Model]:
    field: Any = next((each for each in model._meta.fields if each.name == "uuid"), model._meta.pk)
    key = field.attname
    naming = _namings.get(model._meta.label_lower, Naming())
    rows = model._base_manager.filter(**{f"{key}__in": [each for each in names if _fits(field, each)]})
    if naming.related:
        rows = rows.select_related(*naming.related)
    return {str(getattr(row, key)): row for row in rows}


def _fits(field: Any, name: str) -> bool:
    try:
        return field.to_python(name) is not None
    except ValidationError:
        return False
