"""The home page and the error pages."""

import sqlite3
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader

from accounts.services.events import audit_limit
from audit.entries import record_view
from exams.services.review.shown import find_patients
from foundation.searching import RefusedFilter
from portal.pages.home import home_context

RETRY_AFTER_SECONDS = 30


def home(request: HttpRequest) -> HttpResponse:
    """Show the home page of the reader's roles."""
    context = home_context(request.user)
    if context.get("own_exams"):
        shown = find_patients(row.submission.pk for row in context["own_exams"])
        record_view(request, action="own_exams.viewed", patients=shown)
    return render(request, "portal/home.html", context)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a malformed request, or one for a list that the address cannot have."""
    refused = exception if isinstance(exception, RefusedFilter) else None
    return render(request, "400.html", {"refused": refused, "problem": refused}, status=400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request without permission."""
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token."""
    return render(request, "403.html", {"is_csrf": True}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an address that does not exist for this reader."""
    return render(request, "404.html", status=404)


def too_many_requests(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a flood of requests; each of allauth's rates counts a minute."""
    audit_limit(request, limit=request.resolver_match.view_name if request.resolver_match else "flood")
    response = render(request, "429.html", {"wait": "1 minute"}, status=429)
    response["Retry-After"] = "60"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when the portal itself failed; needs neither session nor database.

    An unreachable database or one without free connections is a 503: it is temporary, and programs retry.
    """
    # Django calls this while it handles the error and does not pass the error itself.
    is_unreachable = _is_database_unreachable(sys.exc_info()[1])
    page = loader.get_template("500.html").render({"is_database_unreachable": is_unreachable})
    response = HttpResponse(page, status=503 if is_unreachable else 500)
    # The error may have come before the middleware that sets this.
    response["Cache-Control"] = "no-store, private"
    if is_unreachable:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _is_database_unreachable(error: BaseException | None) -> bool:
    # SQLite gives the same kind of error to a wrong statement, which is a bug and not temporary.
    code = getattr(getattr(error, "__cause__", None), "sqlite_errorcode", None)
    return isinstance(error, (OperationalError, InterfaceError)) and code != sqlite3.SQLITE_ERROR
