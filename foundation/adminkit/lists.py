"""Lists of the admin: they read the filters that they declare, and refuse everything else in an address."""

import re
from typing import Any

from django.contrib import messages
from django.contrib.admin import EmptyFieldListFilter
from django.contrib.admin.options import IS_FACETS_VAR, IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.http import HttpRequest
from unfold.views import ChangeList

from foundation.adminkit.columns import LABELS
from foundation.searching import CUT, RefusedFilter, cut_search

# Lists send each filter once. A condition of hundreds is more than a database accepts.
MOST_VALUES = 20
# Parameters of Django's lists that no list here uses: its own redirect, and counts that take too long.
UNUSED = (ERROR_FLAG, IS_FACETS_VAR)


class IsSetFilter(EmptyFieldListFilter):
    """Filters a list by whether a column has a value."""

    def choices(self, changelist: Any) -> Any:
        for choice, label in zip(super().choices(changelist), ("All", "No", "Yes"), strict=True):
            yield choice | {"display": label}


class PortalList(ChangeList):
    """A list with the filters of `list_filter` and of the page's `link_lookups`; raises RefusedFilter."""

    query: str

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.query, is_cut = cut_search(self.query)
        if is_cut:
            messages.warning(request, CUT)

    def get_filters(self, request: HttpRequest) -> Any:
        """Return the filters; what they leave over of the address must be declared."""
        if not self._is_order_known():
            raise RefusedFilter("This list cannot be sorted in this order.")
        for name, values in request.GET.lists():
            is_text = name in (PAGE_VAR, SEARCH_VAR)
            if name in UNUSED or len(values) > MOST_VALUES or (not is_text and any(map(_is_beyond, values))):
                raise _refused(name)
        found = super().get_filters(request)
        for name in found[2]:
            if name not in self.model_admin.link_lookups:
                raise _refused(name)
        for each in found[0]:
            if hasattr(each, "field"):
                each.title = LABELS.get(each.field.name, each.title)
        return found

    def get_results(self, request: HttpRequest) -> None:
        """Read the page of the list."""
        page = request.GET.get(PAGE_VAR, "1")
        try:
            super().get_results(request)
        except IncorrectLookupParameters as error:
            raise _no_page() from error
        if not re.fullmatch(r"\d{1,9}", page, re.ASCII) or not 1 <= int(page) <= self.paginator.num_pages:
            raise _no_page()
        # Read now, within the time limit, and not while the page is drawn.
        len(self.result_list)

    def _is_order_known(self) -> bool:
        columns = self.params.get(ORDER_VAR, "").split(".")
        are_numbers = all(re.fullmatch(r"-?\d{1,3}", each, re.ASCII) for each in columns)
        most = len(self.list_display)
        is_known = are_numbers and len(columns) <= most and all(abs(int(each)) < most for each in columns)
        # Without any order Django writes an empty one.
        return is_known or columns == [""]


def _is_beyond(value: str) -> bool:
    """Return whether this is a number with more digits than any column has."""
    return bool(re.fullmatch(r"-?\d{19,}", value))


def _refused(name: str) -> RefusedFilter:
    # The sentence is logged, too.
    shown = f"“{name[:80]}”" if name.isprintable() else "this"
    return RefusedFilter(f"This list cannot be filtered by {shown}.")


def _no_page() -> RefusedFilter:
    return RefusedFilter("This list has no such page.")
