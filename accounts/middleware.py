"""Times are shown in the reader's own zone."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

GetResponse = Callable[[HttpRequest], HttpResponse]


class ReaderTimezone:
    """Activate the zone of the account's preferences while a page is made, else UTC."""

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
        # A zone that a newer system dropped must not take every page away from its reader.
        return None
