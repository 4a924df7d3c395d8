"""The first admin page: the day in figures, the problems and the services."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone

from exams.models import Submission
from exams.states import SubmissionState as S
from foundation.checks import problems_for
from integrations.models import Service


def today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures, services and problems that this administrator may see to the first page."""
    context["title"] = "Today"
    if request.user.has_perm("exams.view_submission"):
        context["figures"] = _figures()
    if request.user.has_perm("integrations.view_service"):
        context["services"] = Service.objects.order_by("name")
    context["problems"] = problems_for(request.user)
    return context


def _figures() -> dict[str, int]:
    day_ago = timezone.now() - timedelta(days=1)
    counts = Submission.objects.filter(state__in=(S.RECEIVED, S.FETCHING, S.HELD)).aggregate(
        waiting=Count("pk", filter=Q(state__in=(S.RECEIVED, S.FETCHING))),
        backlog=Count("pk", filter=Q(hold_reason=Submission.Hold.BEFORE_START)),
    )
    # The index by submission time keeps this count fast.
    ready = Submission.objects.filter(submitted_at__gte=day_ago, state=S.READY).count()
    return {**counts, "ready": ready}
