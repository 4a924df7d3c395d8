"""Faults on demand for the next calls of an endpoint, before or after its work."""

import json
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from sandbox import behaviour, fault_bodies, links
from sandbox.authentication import key_in_use
from sandbox.models import Call, Fault
from sandbox.pending_faults import NOTIFICATION, NOTIFICATION_KINDS, take_fault

ENDPOINTS = (
    "accessible",
    "download",
    "confirm",
    "tokens",
    "report",
    "settings",
    "records",
    "keys",
    "applications",
    "customize",
    "media",
)
CALL_KINDS = (
    "status",
    "status_after",
    "delay",
    "cut",
    "cut_after",
    "truncate",
    "html",
    "drip",
    "redirect",
    "gzip_bomb",
    "foreign_next",
    "reorder",
    "grow",
    "empty_list",
    "no_length",
    "foreign_url",
    "revoke_key",
    "expire_links",
)
MATCHES = (*ENDPOINTS, NOTIFICATION, "*")
KINDS = tuple(dict.fromkeys((*CALL_KINDS, *NOTIFICATION_KINDS)))
GetResponse = Callable[[HttpRequest], HttpResponseBase]


class FaultMiddleware:
    """Records each call and applies a pending fault to it."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        endpoint = endpoint_of(request)
        if endpoint is None:
            return self._get_response(request)
        fault = take_fault(endpoint, "*")
        call = Call.objects.create(
            endpoint=endpoint,
            method=request.method or "",
            path=request.path,
            has_authorization="Authorization" in request.headers,
            fault=fault.kind if fault else "",
        )
        response = self._answer(request, fault)
        if fault is not None and isinstance(response, HttpResponse):
            # The middleware that sets it for ordinary answers is below this one.
            response.headers.setdefault("Content-Length", str(len(response.content)))
        Call.objects.filter(pk=call.pk).update(status=response.status_code)
        return response

    def _answer(self, request: HttpRequest, fault: Fault | None) -> HttpResponseBase:
        if fault is None:
            return self._get_response(request)
        before = BEFORE.get(fault.kind)
        if before is not None:
            answer = before(request, fault.options)
            if answer is not None:
                return answer
        response = self._get_response(request)
        after = AFTER.get(fault.kind)
        return after(request, response, fault.options) if after is not None else response


def endpoint_of(request: HttpRequest) -> str | None:
    """Return the name of the endpoint that a request is for, or None for pages and control."""
    try:
        name = resolve(request.path_info, getattr(request, "urlconf", None)).url_name
    except Resolver404:
        return None
    return name if name in ENDPOINTS else None


def kinds_for(match: str) -> tuple[str, ...]:
    """Return the kinds of faults for this endpoint."""
    return NOTIFICATION_KINDS if match == NOTIFICATION else CALL_KINDS


# --- Before the work ---------------------------------------------------------------------------------------


def _status(request: HttpRequest, options: dict[str, Any]) -> HttpResponse:
    status = int(options.get("status", 500))
    body, kind = fault_bodies.body_of(options.get("body", "html"), status)
    return HttpResponse(body, status=status, content_type=kind, headers=options.get("headers") or {})


def _delay(request: HttpRequest, options: dict[str, Any]) -> None:
    time.sleep(float(options.get("seconds", 1)))


def _cut(request: HttpRequest, options: dict[str, Any]) -> HttpResponse:
    hang_up(request)
    return HttpResponse(status=599)


def _html(request: HttpRequest, options: dict[str, Any]) -> HttpResponse:
    return HttpResponse(fault_bodies.PAGE, content_type="text/html")


def _redirect(request: HttpRequest, options: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status=302, headers={"Location": str(options.get("to", "https://example.com/"))})


def _gzip_bomb(request: HttpRequest, options: dict[str, Any]) -> HttpResponse:
    return HttpResponse(
        fault_bodies.gzip_bomb(), content_type="application/json", headers={"Content-Encoding": "gzip"}
    )


def _shuffle(request: HttpRequest, options: dict[str, Any]) -> None:
    # The whole list, so that items repeat and disappear between its pages.
    request.META["sandbox.is_shuffled"] = True


def _revoke_key(request: HttpRequest, options: dict[str, Any]) -> None:
    behaviour.revoke_key(prefix=key_in_use(request))


def _expire_links(request: HttpRequest, options: dict[str, Any]) -> None:
    links.expire_links()


BEFORE: dict[str, Callable[[HttpRequest, dict[str, Any]], HttpResponse | None]] = {
    "status": _status,
    "delay": _delay,
    "cut": _cut,
    "html": _html,
    "redirect": _redirect,
    "gzip_bomb": _gzip_bomb,
    "reorder": _shuffle,
    "revoke_key": _revoke_key,
    "expire_links": _expire_links,
}


# --- After the work ----------------------------------------------------------------------------------------


def _content(response: HttpResponseBase) -> bytes:
    if isinstance(response, StreamingHttpResponse):
        return b"".join(response)
    if hasattr(response, "render"):
        response.render()
    return bytes(response.content) if isinstance(response, HttpResponse) else b""


def _cut_after(request: HttpRequest, response: HttpResponseBase, options: dict[str, Any]) -> HttpResponseBase:
    hang_up(request)
    return response


def _status_after(
    request: HttpRequest, response: HttpResponseBase, options: dict[str, Any]
) -> HttpResponseBase:
    return _status(request, options)


def _truncate(request: HttpRequest, response: HttpResponseBase, options: dict[str, Any]) -> HttpResponseBase:
    content = _content(response)
    part = content[: int(len(content) * float(options.get("fraction", 0.5)))]

    def cut() -> Iterator[bytes]:
        yield part
        hang_up(request)

    return _streamed(cut(), response, length=len(content))


def _drip(request: HttpRequest, response: HttpResponseBase, options: dict[str, Any]) -> HttpResponseBase:
    content, seconds = _content(response), float(options.get("seconds", 0.5))

    def drip() -> Iterator[bytes]:
        for position in range(len(content)):
            yield content[position : position + 1]
            time.sleep(seconds)

    return _streamed(drip(), response, length=len(content))


def _no_length(request: HttpRequest, response: HttpResponseBase, options: dict[str, Any]) -> HttpResponseBase:
    content = _content(response)
    part = content[: int(len(content) * float(options.get("fraction", 1)))]
    return _streamed(iter([part]), response, length=None)


def _streamed(
    parts: Iterator[bytes], response: HttpResponseBase, *, length: int | None
) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(
        parts, status=response.status_code, content_type=response.headers.get("Content-Type")
    )
    if length is not None:
        answer.headers["Content-Length"] = str(length)
    return answer


def _edited(edit: Callable[[HttpRequest, dict[str, Any], dict[str, Any]], None]) -> Any:
    def after(request: HttpRequest, response: HttpResponseBase, options: dict[str, Any]) -> HttpResponseBase:
        if response.headers.get("Content-Type") != "application/json":
            return response
        answer = json.loads(_content(response))
        # Keys and applications are plain lists without a page.
        page = {"results": answer} if isinstance(answer, list) else answer
        if "results" in page:
            edit(request, page, options)
        answer = page["results"] if isinstance(answer, list) else page
        return HttpResponse(json.dumps(answer), status=response.status_code, content_type="application/json")

    return after


def _foreign_next(request: HttpRequest, page: dict[str, Any], options: dict[str, Any]) -> None:
    page["next"] = options.get("to", "http://evil.example/api/public/v0/exams/accessible/?offset=100")


def _reorder(request: HttpRequest, page: dict[str, Any], options: dict[str, Any]) -> None:
    random.shuffle(page["results"])


def _grow(request: HttpRequest, page: dict[str, Any], options: dict[str, Any]) -> None:
    # Added between this page and the next, so that the next page repeats an item.
    fault_bodies.grow(count=int(options.get("count", 1)))


def _empty_list(request: HttpRequest, page: dict[str, Any], options: dict[str, Any]) -> None:
    page.update(count=0, next=None, previous=None, results=[])


def _foreign_url(request: HttpRequest, page: dict[str, Any], options: dict[str, Any]) -> None:
    for row in page["results"]:
        if "download_url" in row:
            row["download_url"] = links.foreign_url(row["download_url"], to=options.get("to"))


def _expire_given(
    request: HttpRequest, response: HttpResponseBase, options: dict[str, Any]
) -> HttpResponseBase:
    # Links in this answer expire too.
    links.expire_links()
    return response


AFTER: dict[str, Callable[[HttpRequest, HttpResponseBase, dict[str, Any]], HttpResponseBase]] = {
    "status_after": _status_after,
    "cut_after": _cut_after,
    "truncate": _truncate,
    "drip": _drip,
    "no_length": _no_length,
    "foreign_next": _edited(_foreign_next),
    "reorder": _edited(_reorder),
    "grow": _edited(_grow),
    "empty_list": _edited(_empty_list),
    "foreign_url": _edited(_foreign_url),
    "expire_links": _expire_given,
}


def hang_up(request: HttpRequest) -> None:
    """Cut the connection of a request, so that nothing more arrives."""
    connection = request.META.get("sandbox.connection")
    if connection is None:
        return
    # Without lingering, closing it is a reset; until then the shutdown holds back every byte.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)
