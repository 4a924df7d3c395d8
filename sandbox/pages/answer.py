"""Responses of the sandbox's pages."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render

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


def done(request: HttpRequest, sentence: str, to: str, *args: Any) -> HttpResponseRedirect:
    """Redirect and show a success message."""
    messages.success(request, sentence)
    return redirect(to, *args)


def refused(request: HttpRequest, sentence: str, to: str, *args: Any) -> HttpResponseRedirect:
    """Redirect and show an error message."""
    messages.error(request, sentence)
    return redirect(to, *args)
