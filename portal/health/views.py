"""The page of problems, and the fixes that one click can do."""

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
from exams.admin.actions import run_audited
from exams.admin.lists import submission_of
from exams.services.maintenance.groups import list_unfinished
from foundation.actions import Action
from foundation.adminkit.actions import run_action
from foundation.checks import Finding, Fix, problems_for
from foundation.searching import RefusedFilter
from integrations.models import Service
from portal.health.count import forget_count

# Rows shown on the page that asks; the others are only counted.
SHOWN = 50
# The filters of the page, by the package that registered the check.
FILTERS = {
    "exams": "Exams and reports",
    "integrations": "Services",
    "accounts": "People",
    "background": "Processes and mail",
    "portal": "Machine",
}


@require_safe
@login_required
def show_problems(request: HttpRequest) -> HttpResponse:
    """Show administrators every problem, or those of one package, each with one button."""
    _require_staff(request)
    place = request.GET.get("of", "")
    if place and place not in FILTERS:
        raise RefusedFilter("The problems cannot be filtered by this word.")
    found = [each for each in problems_for(request.user) if place in ("", each.check.place)]
    worker = latest_heartbeat(name="worker")
    age = (timezone.now() - worker.seen_at).total_seconds() if worker else None
    context = {
        "problems": [(each, _may_fix(request, each)) for each in found],
        "place": place,
        "filters": FILTERS,
        "unfinished": list_unfinished(request.user) if place == "exams" else None,
        "full_polled_at": _last_full_poll(),
        "worker_seconds": None if age is None else max(round(age), 0),
    }
    return render(request, "portal/health/problems.html", context)


@require_POST
@login_required
def fix(request: HttpRequest, key: str) -> HttpResponse:
    """Fix a problem, or ask first if there is something to decide."""
    _require_staff(request)
    problem = next((each for each in problems_for(request.user) if each.key == key), None)
    if problem is None:
        messages.info(request, "This problem no longer exists.")
        return HttpResponseRedirect(reverse("problems"))
    if problem.fix is None or not _may_fix(request, problem):
        raise PermissionDenied
    action = _chosen_action(request, problem.fix)
    rows = problem.fix.rows
    if problem.fix.is_one_by_one:
        picked = set(request.POST.getlist("row"))
        rows = rows.filter(pk__in=[pk for pk in rows.values_list("pk", flat=True) if str(pk) in picked])
        if action is not None and not rows.exists():
            messages.warning(request, "Select at least one row.")
            action = None
    if action is None:
        return _ask_which(request, problem, problem.fix)
    run_action(request=request, queryset=rows, action=action, run=run_audited)
    forget_count()
    return HttpResponseRedirect(reverse("problems"))


def _last_full_poll() -> datetime | None:
    """Return the oldest of the latest full polls of all services; None if a service has never had one."""
    polled = Service.objects.in_use().values_list("full_polled_at", flat=True)
    ended = [each for each in polled if each is not None]
    return min(ended) if ended and len(ended) == len(polled) else None


def _require_staff(request: HttpRequest) -> None:
    if not getattr(request.user, "is_staff", False):
        raise Http404


def _may_fix(request: HttpRequest, problem: Finding) -> bool:
    return problem.fix is not None and request.user.has_perm(problem.fix.permission)


def _chosen_action(request: HttpRequest, fix: Fix) -> Action | None:
    if not fix.asks:
        return fix.actions[0]
    return next((each for each in fix.actions if each.name == request.POST.get("action")), None)


def _ask_which(request: HttpRequest, problem: Finding, fix: Fix) -> HttpResponse:
    rows = fix.rows.order_by("pk")[:SHOWN]
    context = {
        "problem": problem,
        "fix": fix,
        "rows": [(row, submission_of(row)) for row in rows],
        "hidden_count": problem.count - len(rows),
    }
    return render(request, "portal/health/ask.html", context)
