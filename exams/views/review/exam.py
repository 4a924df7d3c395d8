"""The page of one submission: patient, captures and reports."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.entries import record_view
from exams.models import Report, Submission
from exams.permissions import (
    can_review,
    is_reviewer,
    sees_all_content,
    visible_captures,
    visible_reports,
    visible_submissions,
)
from exams.services.fetch.job import check_again
from exams.services.field_map.mapping import list_taken
from exams.services.field_map.other_data import list_other_data
from exams.services.review.claims import ClaimRefused, claim_submission, return_claim, take_over_claim
from exams.services.review.comparison import compare_captures, find_newer_demographics
from exams.services.review.displayed import record_displayed
from exams.services.review.identity import can_split
from exams.services.review.related import find_priors, find_siblings, list_changes
from exams.services.review.shown import find_patients
from exams.services.transitions import NotAllowed
from exams.views.review._slots import list_slots
from foundation.address import client_address

# States that a worker is about to change: the page updates while one of them is shown.
MOVING = {Submission.State.RECEIVED, Submission.State.FETCHING}
REPORT_MOVING = {Report.State.SIGNED, Report.State.SENDING}
# A check that is due within this time will change the page as well.
SOON = timedelta(minutes=1)
# A primary key, and no number that a database refuses.
HOLDER = re.compile(r"[0-9]{1,18}")


@login_required
@require_safe
def exam(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Show one submission."""
    submission = get_submission(request, uuid)
    record_exam_view(request, submission)
    context = live_context(request, submission) | identity_context(request, submission)
    taken = list_taken(service_id=submission.service_id)
    context["other_data"] = list_other_data(submission.raw_data, taken=taken)
    return render(request, "exams/review/exam.html", context)


@login_required
@require_safe
def exam_status(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Return the live part of the page, or 204 if the reader already has it."""
    submission = get_submission(request, uuid)
    context = live_context(request, submission)
    if request.GET.get("seen") == context["fingerprint"]:
        return HttpResponse(status=204)
    record_exam_view(request, submission)
    return render(request, "exams/review/_live.html", context)


@login_required
@require_POST
def exam_claim(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Claim the submission."""
    return _change_claim(request, uuid, claim_submission)


@login_required
@require_POST
def exam_return(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Return the claim."""
    return _change_claim(request, uuid, return_claim)


@login_required
@require_POST
def exam_take_over(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Take over the claim of the colleague whom the page showed."""
    holder = request.POST.get("holder", "")
    if not HOLDER.fullmatch(holder):
        raise Http404
    return _change_claim(request, uuid, partial(take_over_claim, holder=int(holder)))


@login_required
@require_POST
def exam_check(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Ask the Cloud again for missing captures."""
    submission = get_submission_to_review(request, uuid)
    try:
        check_again(submission=submission, user=request.user, address=client_address(request))
        messages.info(request, "Checking Clarius Cloud again. New captures appear here automatically.")
    except NotAllowed:
        messages.warning(request, "This submission cannot be checked in its current state.")
    return redirect("exam", uuid)


@login_required
@require_POST
def capture_seen(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Store that the viewer displayed a capture to a reviewer; its file was audited when it was sent."""
    capture = get_object_or_404(
        visible_captures(request.user).stored().select_related("submission"), uuid=uuid
    )
    if not can_review(request.user, capture.submission):
        raise Http404
    record_displayed(capture=capture, user=request.user)  # type: ignore[arg-type]
    return HttpResponse(status=204)


def get_submission(request: HttpRequest, uuid: UUID) -> Submission:
    """Return a submission that the reader may see; raises Http404."""
    rows: QuerySet[Submission] = visible_submissions(request.user)
    related = ("customer", "service", "exam", "patient", "looks_like", "claimed_by")
    # The raw answer can be megabytes, and only the full page shows it.
    return get_object_or_404(rows.select_related(*related).defer("raw_data"), uuid=uuid)


def get_submission_to_review(request: HttpRequest, uuid: UUID) -> Submission:
    """Return a submission that the reader may report on; raises Http404."""
    submission = get_submission(request, uuid)
    if not can_review(request.user, submission):
        raise Http404
    return submission


def record_exam_view(request: HttpRequest, submission: Submission) -> None:
    """Audit that the reader saw a submission's patient, and who looks alike; an error shows nothing."""
    shown = find_patients([submission.pk], with_lookalikes=True)
    record_view(request, action="exam.viewed", target=submission, patients=shown)


def identity_context(request: HttpRequest, submission: Submission) -> dict[str, Any]:
    """Return the patient, the submission's number in its exam, and the changes since the previous one."""
    siblings = find_siblings(submission=submission, user=request.user)  # type: ignore[arg-type]
    place = next((at for at, each in enumerate(siblings) if each.pk == submission.pk), 0)
    before = siblings[place - 1] if place else None
    return {
        "submission": submission,
        "siblings": siblings,
        "number": place + 1,
        "has_worklist": is_reviewer(request.user) or sees_all_content(request.user),
        "newest_uuid": siblings[-1].uuid if siblings else submission.uuid,
        "changes": list_changes(before=before, after=submission) if before else [],
        "capture_changes": compare_captures(before=before, after=submission) if before else [],
        "can_split": can_review(request.user, submission) and can_split(submission=submission),
        "priors": find_priors(submission=submission, user=request.user),  # type: ignore[arg-type]
        "looks_like": _lookalike(request, submission),
    }


def live_context(request: HttpRequest, submission: Submission) -> dict[str, Any]:
    """Return the part of the page that the worker changes: captures, state, reports."""
    slots = list_slots(visible_captures(request.user).filter(submission=submission).order_by("position"))
    reports = list(
        visible_reports(request.user)
        .filter(submission=submission)
        .select_related("author", "signed_by", "replaces")
        .prefetch_related("replaced_by")
    )
    for each in reports:
        each.submission = submission
    signed = [each.signed_at for each in reports if each.signed_at]
    # True while a check is due soon, but not while one is scheduled for later.
    is_checking = submission.not_before is not None and submission.not_before <= timezone.now() + SOON
    siblings = find_siblings(submission=submission, user=request.user)  # type: ignore[arg-type]
    return {
        "submission": submission,
        "slots": slots,
        "reports": reports,
        "signed_at": max(signed, default=None),
        "listed_stored": sum(1 for each in slots if each.is_listed and each.download),
        "newer_demographics": find_newer_demographics(submission=submission, siblings=siblings),
        "is_review": can_review(request.user, submission),
        "is_moving": is_checking
        or submission.state in MOVING
        or any(each.is_being_prepared for each in slots)
        or any(each.state in REPORT_MOVING for each in reports),
        "fingerprint": _fingerprint(submission, slots=slots, reports=reports),
    }


def _change_claim(request: HttpRequest, uuid: UUID, change: Callable[..., None]) -> HttpResponse:
    submission = get_submission_to_review(request, uuid)
    try:
        change(submission=submission, user=request.user, address=client_address(request))
    except ClaimRefused as refusal:
        messages.warning(request, str(refusal))
    return redirect("exam", uuid)


def _lookalike(request: HttpRequest, submission: Submission) -> Any:
    if submission.looks_like is None:
        return None
    rows = visible_submissions(request.user).without_data().filter(patient=submission.looks_like)
    return rows.order_by("-submitted_at", "-id").first()


def _fingerprint(submission: Submission, *, slots: list[Any], reports: list[Report]) -> str:
    stored = sum(1 for each in slots if each.show != "none")
    failed = sum(1 for each in slots if each.capture.failure_reason or each.capture.preview_failure)
    pictures = sum(1 for each in slots if each.thumbnail)
    read_at = round(submission.data_read_at.timestamp()) if submission.data_read_at else 0
    states = "".join(each.state[:2] for each in reports)
    parts = (
        submission.state,
        len(slots),
        stored,
        failed,
        pictures,
        states,
        submission.claimed_by_id or 0,
        read_at,
    )
    return "-".join(str(part) for part in parts)
