"""Liveness and readiness probes for load balancers and monitors."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from foundation.checks import find


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 if the process runs."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 if the checks that decide readiness find no problem, else 503 with their codes.

    Those are `database`, `migrations` and `secrets`; each app declares its own with `decides_readiness`.
    """
    failed = [
        each.code for each in find(lambda check: check.decides_readiness, is_thorough=True) if each.is_problem
    ]
    if failed:
        return JsonResponse({"status": "not ready", "checks": failed}, status=503)
    return JsonResponse({"status": "ok"})
