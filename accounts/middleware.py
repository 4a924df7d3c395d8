"""Middleware that shows times in the reader's time zone."""

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
    # `available_timezones` would read every zone from the disk for each request.
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        # A zone that the system no longer knows must not break every page.
        return None
