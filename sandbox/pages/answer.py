"""Responses of the sandbox's pages."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render

# Rows on a page of a list.
ROWS = 25
# The pages load nothing from elsewhere and run no scripts.
POLICY = (
    "; ".join(f"{part}-src 'self'" for part in ("style", "img", "media"))
    + "; default-src 'none'; base-uri 'none'; form-action 'self'"
)


def show(request: HttpRequest, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """Render a page of the sandbox that no cache keeps."""
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": POLICY}
    response = render(request, f"sandbox/{template}", context, status=status)
    for name, value in headers.items():
        response.headers[name] = value
    return response


class NoSuchPage(BadRequest):
    """The address names a page that a list does not have."""


def page_of(request: HttpRequest, rows: QuerySet[Any]) -> Page[Any]:
    """Return the page of the rows that the address names; raises NoSuchPage."""
    try:
        return Paginator(rows, ROWS).page(request.GET.get("page", "1"))
    except InvalidPage as error:
        raise NoSuchPage("This list has no such page.") from error


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that cannot be read, or one for a page that does not exist."""
    is_known = isinstance(exception, NoSuchPage)
    sentence = str(exception) if is_known else "The request could not be read."
    return show(
        request, "refused.html", status=400, sentence=sentence, back=request.path if is_known else "/"
    )


def done(request: HttpRequest, sentence: str, to: str, *args: Any) -> HttpResponseRedirect:
    """Redirect and show a success message."""
    messages.success(request, sentence)
    return redirect(to, *args)


def refused(request: HttpRequest, sentence: str, to: str, *args: Any) -> HttpResponseRedirect:
    """Redirect and show an error message."""
    messages.error(request, sentence)
    return redirect(to, *args)
