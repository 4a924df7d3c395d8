"""Actions on the chosen rows of a list take so many in one step."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest

# A form that asks once more names each of them, and Django reads 1,000 fields.
MOST = 500


def chosen_pks(*, admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> list[int]:
    """Return the keys of the chosen rows; none, and a sentence for the reader, when they are too many."""
    pks = list(queryset.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
    if len(pks) <= MOST:
        return pks
    told = (
        f"{queryset.count():,} {admin.opts.verbose_name_plural} are chosen, and one step takes at most "
        f"{MOST}. Nothing was done: choose fewer, with a filter or a search."
    )
    admin.message_user(request, told, messages.ERROR)
    return []
