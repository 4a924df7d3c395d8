"""Submitted exams and the reports received for them."""

import uuid

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from sandbox import behaviour
from sandbox.models import Report, Submission
from sandbox.pages.answer import page_of, show
from sandbox.pages.patients import patient_facts, patient_name


@require_safe
def exams(request: HttpRequest) -> HttpResponse:
    """List the submissions, newest first."""
    rows = (
        Submission.objects.select_related("customer")
        .prefetch_related("captures")
        .annotate(report_count=Count("reports"))
        .order_by("-submitted_at", "-id")
    )
    page = page_of(request, rows)
    return show(request, "exams.html", page=page, rows=[(each, patient_name(each.patient)) for each in page])


@require_safe
def exam(request: HttpRequest, request_uuid: uuid.UUID) -> HttpResponse:
    """Show one submission with its captures and the reports of the service."""
    submission = get_object_or_404(Submission.objects.select_related("customer"), request_uuid=request_uuid)
    others = Submission.objects.filter(exam_uuid=submission.exam_uuid).exclude(pk=submission.pk)
    return show(
        request,
        "exam.html",
        submission=submission,
        patient=patient_facts(submission.patient),
        others=others.select_related("customer"),
        records=submission.notificationrecord_set.all()[:5],
        service=behaviour.service_settings(),
    )


@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    """List the reports of the service, newest first."""
    rows = Report.objects.select_related("submission__customer")
    page = page_of(request, rows)
    return show(request, "reports.html", page=page)
