"""The site of the administration: the theme's, with a search whose results can be stored."""

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from unfold.sites import UnfoldAdminSite

from foundation.searching import RefusedFilter


class PortalAdminSite(UnfoldAdminSite):
    """The theme's site."""

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Find lists by their names. They all fit on one page; raises RefusedFilter for another."""
        if request.GET.get("page", "1") != "1":
            raise RefusedFilter("This list has no such page.")
        return super().search(request, extra_context)

    def _search_apps(self, app_list: list[dict[str, Any]], search_term: str) -> list[Any]:
        # The theme keeps the results in the cache, which takes nothing but JSON.
        found = super()._search_apps(app_list, search_term)
        return [{name: str(value or "") for name, value in asdict(each).items()} for each in found]
