"""The home of each role, and the error pages."""

import sqlite3
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader

from portal.home import home_context

RETRY_AFTER_SECONDS = 30


def home(request: HttpRequest) -> HttpResponse:
    """Show what each role begins with."""
    return render(request, "portal/home.html", home_context(request.user))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that could not be understood."""
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that this account may not make."""
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is missing or old."""
    return render(request, "403.html", {"is_csrf": True}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer an address that does not exist for this reader."""
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when the portal itself failed; needs neither session nor database.

    A database that is away or gives no more connections is a 503: it passes, and programs know to come again.
    """
    # Called while the error is being handled, which is the only way that Django tells it.
    is_away = _is_database_away(sys.exc_info()[1])
    page = loader.get_template("500.html").render({"is_database_away": is_away})
    response = HttpResponse(page, status=503 if is_away else 500)
    # An error before the middleware that sees to it leaves this to be said here.
    response["Cache-Control"] = "no-store, private"
    if is_away:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _is_database_away(error: BaseException | None) -> bool:
    # SQLite gives the same kind of error to a wrong statement, which is a fault of ours and does not pass.
    code = getattr(getattr(error, "__cause__", None), "sqlite_errorcode", None)
    return isinstance(error, (OperationalError, InterfaceError)) and code != sqlite3.SQLITE_ERROR
