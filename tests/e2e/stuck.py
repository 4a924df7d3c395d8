"""The portal's addresses, with pages that hold the interpreter or answer for a long time."""

import ctypes
import os
import re
import time
from collections.abc import Iterator

from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from portal.urls import urlpatterns as portal_urls

PARTS = 30


def tell(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(os.getpid()))


def search(request: HttpRequest) -> HttpResponse:
    """Search as the admin once did: SQLite calls Python's `re`, which would never end."""
    text, pattern = "a" * 200, "(a+)+b$"
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s REGEXP %s", [text, pattern])
    return HttpResponse(str(re.search(pattern, text)))


def sleep(request: HttpRequest) -> HttpResponse:
    """Sleep in C code that keeps the interpreter's lock, and uses no processor."""
    return HttpResponse(str(ctypes.PyDLL(None).sleep(3600)))


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        for _ in range(PARTS):
            yield b"."
            time.sleep(0.5)

    return StreamingHttpResponse(parts())


urlpatterns = [
    *portal_urls,
    path("pid/", tell),
    path("search/", search),
    path("sleep/", sleep),
    path("stream/", stream),
]
