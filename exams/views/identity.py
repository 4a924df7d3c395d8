"""Keeping two people apart that were taken for one."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from exams.services.identity import split_patient
from exams.services.states import NotAllowed
from exams.views.exam import get_submission_to_review
from foundation.address import client_address


@login_required
@require_POST
def exam_split(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Give the exam a patient of its own."""
    submission = get_submission_to_review(request, uuid)
    try:
        split_patient(submission=submission, user=request.user, address=client_address(request))  # type: ignore[arg-type]
        messages.success(request, "This exam is kept apart from the other patient from now on.")
    except NotAllowed:
        messages.warning(request, "This exam shares its patient with no other.")
    return redirect("exam", uuid)
