"""Pages of a signed-in person are kept by no cache, so that the Back button shows nothing after log-out."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


class PrivatePages:
    """Add `Cache-Control: no-store, private` to every answer that says nothing of caching itself."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if not response.has_header("Cache-Control") and not request.path.startswith("/static/"):
            response["Cache-Control"] = "no-store, private"
        return response
