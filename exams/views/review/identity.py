"""Separate an exam from a patient that it was matched with by mistake."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from exams.services.review.identity import split_patient
from exams.services.transitions import NotAllowed
from exams.views.review.exam import get_submission_to_review
from foundation.address import client_address


@login_required
@require_POST
def exam_split(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Move the exam to a new patient."""
    submission = get_submission_to_review(request, uuid)
    try:
        split_patient(submission=submission, user=request.user, address=client_address(request))  # type: ignore[arg-type]
        messages.success(request, "This exam now has its own patient.")
    except NotAllowed:
        messages.warning(request, "This patient has no other exam, so there is nothing to separate.")
    return redirect("exam", uuid)
