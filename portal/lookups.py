"""What the lists of the administration refuse to look for."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import BadRequest, FieldDoesNotExist, ValidationError
from django.db.models import QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse


class ShownColumns(ModelAdmin):
    """Refuses a filter for a column that no page shows this reader: it would be told letter by letter."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return self._is_shown(lookup.partition(LOOKUP_SEP)[0], request) and bool(
            super().lookup_allowed(lookup, value, request)
        )

    def _is_shown(self, name: str, request: HttpRequest) -> bool:
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            # No column: a filter of the list's own, or nothing at all.
            return True
        return field is self.opts.pk or field.name in self._shown(request)

    def _shown(self, request: HttpRequest) -> set[str]:
        filters = (
            each[0] if isinstance(each, (tuple, list)) else each for each in self.get_list_filter(request)
        )
        shown = [*self.get_list_display(request), *flatten_fieldsets(self.get_fieldsets(request)), *filters]
        return {name.partition(LOOKUP_SEP)[0] for name in _names(shown)}


class KnownRows(ModelAdmin):
    """Refuses an action on keys that no row can have."""

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(key)
        except ValidationError as error:
            raise BadRequest("The rows that are chosen are none.") from error
        return super().response_action(request, queryset, *args, **kwargs)


def _names(columns: Iterable[Any]) -> Iterator[str]:
    return (each if isinstance(each, str) else getattr(each, "__name__", "") for each in columns)
