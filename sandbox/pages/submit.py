"""Submit an exam as a customer: a seeded exam, uploaded files, or an earlier exam again."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from sandbox import behaviour
from sandbox.models import Capture, Submission
from sandbox.pages.answer import done, show
from sandbox.pages.forms import PatientForm
from sandbox.seed.exams import available_exams

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@get_or_post
def seeded(request: HttpRequest, slug: str | None = None) -> HttpResponse:
    """Submit one of the seeded exams."""
    exams = available_exams()
    exam = next((each for each in exams if slug in (None, each.slug)), None)
    if exam is None:
        raise Http404("This exam does not exist.")
    form = _form(request, exam.patient)
    if request.method == "POST" and form.is_valid():
        return _send(request, form, exam_slug=exam.slug)
    return show(request, "submit.html", form=form, exams=exams, chosen=exam, customer=_customer(request))


@get_or_post
def uploaded(request: HttpRequest) -> HttpResponse:
    """Submit uploaded files."""
    form = _form(request, {})
    files = request.FILES.getlist("files")
    if request.method == "POST" and form.is_valid():
        if files:
            return _send(request, form, files=files)
        form.add_error(None, "Choose at least one file.")
    return show(
        request,
        "submit.html",
        form=form,
        exams=available_exams(),
        is_upload=True,
        customer=_customer(request),
    )


@get_or_post
def again(request: HttpRequest, request_uuid: uuid.UUID) -> HttpResponse:
    """Submit the same exam again, optionally with a corrected patient."""
    earlier = get_object_or_404(Submission.objects.select_related("customer"), request_uuid=request_uuid)
    form = _form(request, earlier.patient, customer=earlier.customer_id)
    if request.method == "POST" and form.is_valid():
        return _send(request, form, exam_uuid=earlier.exam_uuid, **_same_captures(earlier))
    return show(request, "submit.html", form=form, earlier=earlier)


def _form(request: HttpRequest, patient: Mapping[str, Any], customer: Any = None) -> PatientForm:
    initial = {"customer": chosen} if (chosen := customer or _customer(request)) else {}
    return PatientForm(request.POST or None, patient=patient, initial=initial)


def _customer(request: HttpRequest) -> str:
    """Return the primary key of the customer chosen on another page, or ""."""
    chosen = request.GET.get("customer", "")
    return chosen if chosen.isascii() and chosen.isdecimal() and len(chosen) < 10 else ""


def _same_captures(earlier: Submission) -> dict[str, Any]:
    captures = list(earlier.captures.all())
    slugs = {_slug(each) for each in captures}
    slug = slugs.pop() if len(slugs) == 1 else None
    if slug:
        return {"exam_slug": slug, "capture_count": len(captures)}
    return {"files": [_reopened(each) for each in captures]}


def _slug(capture: Capture) -> str | None:
    first, slug, *_ = Path(capture.path).parts
    return slug if first == "exams" else None


def _reopened(capture: Capture) -> UploadedFile:
    file = (settings.SANDBOX_DIR / capture.path).open("rb")
    return UploadedFile(file=file, name=capture.name, content_type=capture.content_type, size=capture.size)


def _send(request: HttpRequest, form: PatientForm, **what: Any) -> HttpResponse:
    customer, is_notified = form.cleaned_data["customer"], form.cleaned_data["notify"]
    submission = behaviour.create_submission(
        customer=customer, patient=form.patient(), notify=is_notified, **what
    )
    return done(request, _outcome(submission, is_notified), "sandbox_exam", submission.request_uuid)


def _outcome(submission: Submission, is_notified: bool) -> str:
    service = behaviour.service_settings()
    if submission.customer.confirmed_at is None:
        return "Submitted. The service cannot see the exam until the customer is connected."
    if not is_notified:
        return "Submitted without a notification. The service finds it with its next poll."
    if not service.notification_url:
        return "Submitted. No notification was sent because the service has not set a notification_url."
    if service.notify_mode == "drop":
        return "Submitted. The notification was lost because of the delivery mode."
    return "Submitted. The service is being notified."
