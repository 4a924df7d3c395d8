"""Pages of a report: upload, check, sign, and follow its delivery."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from exams.models import Report
from exams.permissions import can_review, sees_all_content, visible_reports
from exams.services.reports.delivery import resolve_uncertain, retry_delivery
from exams.services.reports.drafts import InvalidReport, NotADraft, create_draft, discard_draft, sign_report
from exams.services.reports.pages import prepare_pages_again
from exams.services.reports.signing import NotReadyToSign, assess_signing
from exams.services.review.claims import ClaimRefused
from exams.services.transitions import NotAllowed
from exams.views.forms import ReportForm
from exams.views.review.exam import (
    REPORT_MOVING,
    get_submission_to_review,
    identity_context,
    record_exam_view,
)
from foundation.address import client_address

# The size of a form without its file.
FORM_BYTES = 64 * 1024
SETTLED = "Someone else changed this report. Its current state is shown below."


@csrf_exempt
def report_new(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Upload a report for a submission; refuse a body that is too large before reading it."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > (settings.REPORT_MAX_MB << 20) + FORM_BYTES:
        # The check of the CSRF token would first read the whole body into a temporary file.
        return _too_large(request, uuid)
    return _report_new(request, uuid)


@csrf_protect
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def _report_new(request: HttpRequest, uuid: UUID) -> HttpResponse:
    submission = get_submission_to_review(request, uuid)
    if request.method != "POST":
        form = ReportForm(submission=submission, initial={"replaces": request.GET.get("replaces")})
        return _form_page(request, submission=submission, form=form)
    form = ReportForm(request.POST, request.FILES, submission=submission)
    if form.is_valid():
        try:
            draft = create_draft(
                submission=submission,
                author=request.user,  # type: ignore[arg-type]
                name=form.cleaned_data["name"],
                upload=form.cleaned_data["file"],
                replaces=form.cleaned_data["replaces"],
                address=client_address(request),
            )
        except InvalidReport as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect("report", draft.uuid)
    return _form_page(request, submission=submission, form=form, status=422)


@login_required
def _too_large(request: HttpRequest, uuid: UUID) -> HttpResponse:
    submission = get_submission_to_review(request, uuid)
    form = ReportForm({}, {}, submission=submission)
    form.errors.clear()
    form.add_error("file", f"This file is larger than {settings.REPORT_MAX_MB} MB. Choose a smaller one.")
    return _form_page(request, submission=submission, form=form, status=413)


@login_required
@require_safe
def report(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Show a draft to confirm, or a signed report with its delivery state."""
    found = _get_report(request, uuid)
    record_exam_view(request, found.submission)
    is_review = can_review(request.user, found.submission)
    context = {
        "report": found,
        "is_review": is_review,
        "sees_detail": is_review or sees_all_content(request.user),
        "is_moving": found.state in REPORT_MOVING,
    }
    if found.state == Report.State.DRAFT:
        context["signing"] = assess_signing(report=found, user=request.user)  # type: ignore[arg-type]
    if request.htmx and "pages" in request.GET:  # type: ignore[attr-defined]
        return render(request, "exams/reports/_pages.html", context | {"is_fragment": True})
    if request.htmx:  # type: ignore[attr-defined]
        if request.GET.get("seen") == found.state:
            return HttpResponse(status=204)
        return render(request, "exams/reports/_state.html", context)
    name = "confirm" if found.state == Report.State.DRAFT else "report"
    return render(
        request, f"exams/reports/{name}.html", context | identity_context(request, found.submission)
    )


@login_required
@require_POST
def report_sign(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Sign a draft; the worker sends it."""
    return _act(request, uuid, partial(sign_report, ticks=request.POST.getlist("tick")))


@login_required
@require_POST
def report_discard(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Discard a draft."""
    found = _get_report_to_review(request, uuid)
    try:
        discard_draft(report=found, user=request.user, address=client_address(request))  # type: ignore[arg-type]
    except NotADraft:
        messages.warning(request, "This report is already signed. You can correct it, but not discard it.")
        return redirect("report", uuid)
    messages.info(request, "Draft discarded.")
    return redirect("exam", found.submission.uuid)


@login_required
@require_POST
def report_retry(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Send a failed report again."""
    return _act(request, uuid, retry_delivery)


@login_required
@require_POST
def report_pages(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Prepare the page pictures of a report again."""
    return _act(request, uuid, prepare_pages_again)


@login_required
@require_POST
def report_resolve(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Resolve an uncertain delivery after a person checked Clarius Cloud."""
    arrived = request.POST.get("arrived")
    if arrived not in {"yes", "no"}:
        raise Http404
    return _act(request, uuid, partial(resolve_uncertain, arrived=arrived == "yes"))


def _act(request: HttpRequest, uuid: UUID, act: Callable[..., None]) -> HttpResponse:
    found = _get_report_to_review(request, uuid)
    try:
        act(report=found, user=request.user, address=client_address(request))
    except (NotADraft, NotAllowed):
        messages.warning(request, SETTLED)
    except (ClaimRefused, NotReadyToSign) as refusal:
        messages.warning(request, str(refusal))
    return redirect("report", uuid)


def _get_report(request: HttpRequest, uuid: UUID) -> Report:
    related = (
        "submission__customer",
        "submission__service",
        "submission__claimed_by",
        "author",
        "signed_by",
        "replaces",
    )
    return get_object_or_404(visible_reports(request.user).without_data().select_related(*related), uuid=uuid)


def _get_report_to_review(request: HttpRequest, uuid: UUID) -> Report:
    found = _get_report(request, uuid)
    if not can_review(request.user, found.submission):
        raise Http404
    return found


def _form_page(request: HttpRequest, *, submission: Any, form: ReportForm, status: int = 200) -> HttpResponse:
    record_exam_view(request, submission)
    context = identity_context(request, submission) | {"form": form, "max_mb": settings.REPORT_MAX_MB}
    return render(request, "exams/reports/new.html", context, status=status)
