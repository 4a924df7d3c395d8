"""The first page of the administration: what waits, what the services say, and where to go."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from exams.admin.work import work_context
from exams.models import Submission
from integrations.models import Service


def today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the first page what this administrator may see of the day."""
    context["title"] = "Today"
    context |= work_context(request)
    if request.user.has_perm("exams.view_submission"):
        context["figures"] = _figures()
    if request.user.has_perm("integrations.view_service"):
        context["services"] = Service.objects.order_by("name")
    context["attention_url"] = _attention_url()
    return context


def _figures() -> dict[str, int]:
    day_ago = timezone.now() - timedelta(days=1)
    counts = Submission.objects.filter(state__in=("received", "fetching", "held")).aggregate(
        waiting=Count("pk", filter=Q(state__in=("received", "fetching"))),
        early=Count("pk", filter=Q(hold_reason=Submission.Hold.BEFORE_START)),
    )
    # Bounded by the index of the newest: what was submitted longer ago is no news of today.
    ready = Submission.objects.filter(submitted_at__gte=day_ago, state="ready").count()
    return {**counts, "ready": ready}


def _attention_url() -> str:
    try:
        return reverse("attention")
    except NoReverseMatch:
        return ""
