"""The Cloud's notifications are answered before sessions, languages and pages are thought of."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

PREFIX = "/webhooks/"


class ShortWay:
    """Call a webhook's view at once: what the middleware below does for pages costs more than the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return self._get_response(request)
        # Raises for a foreign host, as every page does.
        request.get_host()
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return self._get_response(request)
        request.resolver_match = match
        response = match.func(request, *match.args, **match.kwargs)
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response
