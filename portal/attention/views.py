"""The page that says what needs an administrator, or that nothing does."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from background.heartbeat import latest_heartbeat
from integrations.models import Service
from portal.attention.finding import list_problems


@require_safe
@login_required
def attention(request: HttpRequest) -> HttpResponse:
    """Show every problem as a sentence with one button; for administrators alone."""
    if not request.user.is_staff:
        raise Http404
    worker = latest_heartbeat(name="worker")
    age = (timezone.now() - worker.seen_at).total_seconds() if worker else None
    context = {
        "problems": list_problems(),
        "full_polled_at": Service.objects.in_use()
        .order_by("full_polled_at")
        .values_list("full_polled_at", flat=True)
        .last(),
        "worker_seconds": None if age is None else max(round(age), 0),
    }
    return render(request, "portal/attention.html", context)
