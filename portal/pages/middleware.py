"""Middleware: webhooks take a shortcut; pages are readable, not cached, and have a bounded body."""

import logging
from collections.abc import Callable
from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve

from foundation.crypto import CannotDecrypt
from portal.pages import policies

logger = logging.getLogger(__name__)
NUL = "\x00"
WEBHOOK_PREFIX = "/webhooks/"
GetResponse = Callable[[HttpRequest], HttpResponse]


class RefusedFeatures:
    """Switch off, in every response, the features of browsers that the portal does not use."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response["Permissions-Policy"] = policies.PERMISSIONS
        return response


class ContentSecurityPolicy(CSPMiddleware):
    """Add the policy to every response; pages of the administration get what their theme needs."""

    def get_policy_parts(self, request: HttpRequest, response: Any, report_only: bool = False) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith("/admin/") and not report_only:
            parts.update = dict(policies.ADMINISTRATION)
        return parts


class WebhookShortcut:
    """Call the webhook's view directly: what the other middleware does for pages costs more than the view."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(WEBHOOK_PREFIX):
            return self._get_response(request)
        # Raises an error for a foreign host, as for every page.
        request.get_host()
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return self._get_response(request)
        request.resolver_match = match
        response = match.func(request, *match.args, **match.kwargs)
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response


class PrivatePages:
    """Add `Cache-Control: no-store, private` to every response that has no `Cache-Control`."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if not response.has_header("Cache-Control") and not request.path.startswith("/static/"):
            response["Cache-Control"] = "no-store, private"
        return response


class ReadableRequests:
    """Refuse a NUL in the address, query or a cookie: no page sends one, and PostgreSQL cannot store it.

    A cookie can contain one, since its quoted form spells it out. Form fields refuse it themselves, with a
    message beside the field.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        problem = _problem_of(request)
        if not problem:
            return self._get_response(request)
        response = render(request, "400.html", {"problem": problem}, status=400)
        response["Cache-Control"] = "no-store, private"
        return response


def _problem_of(request: HttpRequest) -> str:
    """Return a sentence for a request that cannot be read, or ""."""
    query = (text for name, values in request.GET.lists() for text in (name, *values))
    if any(NUL in text for text in (request.path_info, *query)):
        return "The address contains a NUL character. Check the link and try again."
    if any(NUL in text for pair in request.COOKIES.items() for text in pair):
        return "A cookie contains a NUL character. Delete the cookies of this portal and try again."
    return ""


class SmallForms:
    """Refuse a body that is too large for a form before the CSRF check reads all of it.

    Django's own limit does not count files, so anybody could fill the disk. Views that are exempt from the
    CSRF check limit the length themselves.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Answer 413 instead of the view if the body is too large."""
        length = str(request.META.get("CONTENT_LENGTH") or "0")
        if getattr(view, "csrf_exempt", False) or not length.isdecimal():
            return None
        is_small = len(length) < 10 and int(length) <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return None if is_small else render(request, "400.html", status=413)


class ReadableSecrets:
    """Answer 503 and say what to do where a page needs a stored secret that no key decrypts."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer instead of the error page; the log gets the sentence, too."""
        if not isinstance(exception, CannotDecrypt):
            return None
        logger.error("%s %s", request.path, exception)
        problem = (
            "The portal needs a stored secret that it cannot decrypt, so nothing was done. An operator has "
            "to put the key that encrypted it back into FIELD_ENCRYPTION_KEYS; “manage.py doctor” says what "
            "is missing."
        )
        context = {"title": "A stored secret cannot be read", "problem": problem}
        return render(request, "400.html", context, status=503)
