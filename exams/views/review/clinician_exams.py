"""The clinician's page: links, exams and reports."""

import hashlib

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit.entries import record_view
from exams.models import Report
from exams.services.review.clinician_exams import list_own_exams, list_own_reports
from exams.services.review.shown import find_patients
from exams.services.review.worklist import Row
from exams.views.review.worklist import read_cursor
from integrations.models import Link


@login_required
@require_safe
def my(request: HttpRequest) -> HttpResponse:
    """Show the account's links, exams and reports; 204 if the page that asks for changes has them."""
    links = Link.objects.filter(user=request.user).select_related("customer__service")  # type: ignore[misc]
    page = list_own_exams(user=request.user, after=read_cursor(request, "after"))  # type: ignore[arg-type]
    reports: list[Report] = list_own_reports(user=request.user)  # type: ignore[arg-type]
    fingerprint = _fingerprint(page.rows, reports)
    if request.GET.get("seen") == fingerprint:
        return HttpResponse(status=204)
    if page.rows or reports:
        keys = (*(row.submission.pk for row in page.rows), *(each.submission_id for each in reports))
        record_view(request, action="own_exams.viewed", patients=find_patients(keys))
    active = [each for each in links.order_by("-created_at") if each.state in Link.ACTIVE]
    ended = [
        each for each in links.order_by("-ended_at", "-created_at")[:50] if each.state not in Link.ACTIVE
    ]
    context = {"active_links": active, "ended_links": ended[:10], "page": page, "reports": reports}
    context["fingerprint"] = fingerprint
    return render(request, "exams/review/clinician_exams.html", context)


def _fingerprint(rows: list[Row], reports: list[Report]) -> str:
    shown = [
        (each.submission.pk, each.submission.state, each.submission.stored_count, each.thumbnail, each.place)
        for each in rows
    ]
    states = [each.report and (each.report.pk, each.report.state) for each in rows]
    return hashlib.sha256(repr((shown, states, [each.pk for each in reports])).encode()).hexdigest()[:16]
