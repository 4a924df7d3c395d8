"""Show times in the reader's own zone."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

GetResponse = Callable[[HttpRequest], HttpResponse]


class ReaderTimezone:
    """Activate the time zone of the account's preferences during a request, else UTC."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(getattr(request.user, "timezone", ""))):
            return self._get_response(request)


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    # Asking whether it is among all zones would read each of them from the disk for every request.
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A zone that a newer system no longer knows must not break every page.
        return None
