"""One page with everything that does not get on by itself, and the way to each heap of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from exams.models import Report, Submission
from exams.services.work import (
    COUNTED,
    INCOMPLETE,
    Heap,
    list_reports_going_on,
    list_stuck_reports,
    list_stuck_submissions,
    list_submissions_going_on,
)


@dataclass(frozen=True)
class Line:
    """A heap as the page shows it, with the list that holds exactly its rows."""

    state: str
    tone: str
    reason: str
    count: int
    oldest: datetime | None
    url: str


TONES = {"failed": "bad", "uncertain": "warn", "held": "warn"}
# What has no reason and needs none.
GOES_ON: dict[str, str] = {
    Submission.State.RECEIVED: "Waits to be fetched.",
    Submission.State.FETCHING: "Is being fetched.",
    Report.State.SIGNED: "Waits to be sent.",
    Report.State.SENDING: "Is being sent.",
}


@require_safe
def show_work(request: HttpRequest, admin: Any) -> HttpResponse:
    """Show what failed, is held or is uncertain, by reason."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    context = admin.admin_site.each_context(request) | work_context(request) | {"title": "Work"}
    context["going_on"] = list(_lines(list_submissions_going_on(), model=Submission))
    if request.user.has_perm("exams.view_report"):
        context["going_on"] += _lines(list_reports_going_on(), model=Report)
    return TemplateResponse(request, "exams/admin/work.html", context)


def work_context(request: HttpRequest) -> dict[str, Any]:
    """Return the heaps of submissions and reports that this administrator may look at."""
    submissions = list_stuck_submissions() if request.user.has_perm("exams.view_submission") else []
    reports = list_stuck_reports() if request.user.has_perm("exams.view_report") else []
    return {
        "submissions": list(_lines(submissions, model=Submission)),
        "reports": list(_lines(reports, model=Report)),
    }


def _lines(heaps: Iterable[Heap], *, model: type[Submission] | type[Report]) -> Iterable[Line]:
    root = reverse(f"admin:exams_{model._meta.model_name}_changelist")
    for heap in heaps:
        query = {"state__exact": heap.state, "given_up_at__isempty": "1"}
        if heap.hold_reason:
            query["hold_reason__exact"] = heap.hold_reason
        elif heap.reason:
            query |= _about(heap.reason)
        yield Line(
            state=str(model.State(heap.state).label),
            tone=TONES.get(heap.state, "neutral"),
            reason=heap.reason or GOES_ON.get(heap.state, "No reason was written down."),
            count=heap.count,
            oldest=heap.oldest,
            url=f"{root}?{urlencode(query)}",
        )


def _about(reason: str) -> dict[str, str]:
    """Return the filter of the rows that failed for this reason, however many of their captures arrived."""
    counted = COUNTED.pattern.removesuffix("$")
    start = "^" if reason == INCOMPLETE else f"^{re.escape(reason)} ?"
    return {"failure_reason__regex": f"{start}({counted})?$"}
