"""The filter of lists for what has been on its way for too long."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest


class WaitFilter(admin.SimpleListFilter):
    """Rows that are on their way for longer than anything takes."""

    title = "wait"
    parameter_name = "waiting"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("long", "unusually long")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "long":
            return queryset
        return queryset.filter(pk__in=queryset.model._default_manager.waiting_long().values("pk"))
