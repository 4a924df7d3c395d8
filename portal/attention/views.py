"""The page that says what needs an administrator, or that nothing does, and mends what one click can mend."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from background.heartbeat import latest_heartbeat
from exams.admin.confirmation import carry_out
from exams.admin.subjects import subject_of
from foundation.actions import Action
from integrations.models import Service
from portal.attention.finding import forget_count, problems_for
from portal.attention.problem import Mend, Problem

SHOWN = 50


@require_safe
@login_required
def attention(request: HttpRequest) -> HttpResponse:
    """Show every problem as a sentence with one button; for administrators alone."""
    _require_staff(request)
    worker = latest_heartbeat(name="worker")
    age = (timezone.now() - worker.seen_at).total_seconds() if worker else None
    context = {
        "problems": [(each, _may_mend(request, each)) for each in problems_for(request.user)],
        "full_polled_at": _last_full_poll(),
        "worker_seconds": None if age is None else max(round(age), 0),
    }
    return render(request, "portal/attention.html", context)


@require_POST
@login_required
def mend(request: HttpRequest, key: str) -> HttpResponse:
    """Do what mends a problem, or ask first where that has to be decided."""
    _require_staff(request)
    problem = next((each for each in problems_for(request.user) if each.key == key), None)
    if problem is None:
        messages.info(request, "That needs nobody any more.")
        return HttpResponseRedirect(reverse("attention"))
    if problem.mend is None or not _may_mend(request, problem):
        raise PermissionDenied
    deed = _chosen_deed(request, problem.mend)
    rows = problem.mend.rows
    if problem.mend.is_one_by_one:
        picked = set(request.POST.getlist("row"))
        rows = rows.filter(pk__in=[pk for pk in rows.values_list("pk", flat=True) if str(pk) in picked])
        if deed is not None and not rows.exists():
            messages.warning(request, "Nothing was done: choose what it is to be done to.")
            deed = None
    if deed is None:
        return _ask(request, problem, problem.mend)
    carry_out(request=request, queryset=rows, deed=deed)
    forget_count()
    return HttpResponseRedirect(reverse("attention"))


def _last_full_poll() -> datetime | None:
    """Return the full poll of the service that had none for longest; None where one never had any."""
    polled = Service.objects.in_use().values_list("full_polled_at", flat=True)
    ended = [each for each in polled if each is not None]
    return min(ended) if ended and len(ended) == len(polled) else None


def _require_staff(request: HttpRequest) -> None:
    if not getattr(request.user, "is_staff", False):
        raise Http404


def _may_mend(request: HttpRequest, problem: Problem) -> bool:
    return problem.mend is not None and request.user.has_perm(problem.mend.permission)


def _chosen_deed(request: HttpRequest, mend: Mend) -> Action | None:
    if not mend.asks:
        return mend.deeds[0]
    return next((each for each in mend.deeds if each.name == request.POST.get("deed")), None)


def _ask(request: HttpRequest, problem: Problem, mend: Mend) -> HttpResponse:
    rows = mend.rows.order_by("pk")[:SHOWN]
    context = {
        "problem": problem,
        "mend": mend,
        "rows": [(row, subject_of(row)) for row in rows],
        "hidden_count": problem.count - len(rows),
    }
    return render(request, "portal/attention_ask.html", context)
