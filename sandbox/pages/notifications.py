"""Notifications sent to the service's webhook."""

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST, require_safe

from sandbox import behaviour, notifier
from sandbox.links import foreign_url
from sandbox.models import Customer, NotificationRecord, Service, Submission, new_token
from sandbox.pages.answer import done, page_of, refused, show
from sandbox.pages.forms import ForgeForm, ModeForm


@require_safe
def notifications(request: HttpRequest) -> HttpResponse:
    """List the records of notifications, newest first."""
    rows = NotificationRecord.objects.select_related("submission__customer")
    page = page_of(request, rows)
    service = behaviour.service_settings()
    return show(
        request,
        "notifications.html",
        page=page,
        service=service,
        mode_form=ModeForm(initial={"mode": service.notify_mode}),
        forge_form=ForgeForm(),
    )


@require_POST
def resend(request: HttpRequest, request_uuid: uuid.UUID) -> HttpResponse:
    """Send the notification of a submission again."""
    submission = get_object_or_404(Submission.objects.select_related("customer"), request_uuid=request_uuid)
    if not behaviour.service_settings().notification_url:
        return refused(request, "The service has not set a notification_url.", "sandbox_exam", request_uuid)
    behaviour.resend(submission)
    return done(request, "The notification is being sent again.", "sandbox_exam", request_uuid)


@require_POST
def mode(request: HttpRequest) -> HttpResponse:
    """Set the delivery mode of notifications."""
    form = ModeForm(request.POST)
    if not form.is_valid():
        return refused(request, "Choose one of the options.", "sandbox_notifications")
    behaviour.service_settings()
    Service.objects.update(notify_mode=form.cleaned_data["mode"])
    label = dict(ModeForm.MODES)[form.cleaned_data["mode"]]
    return done(request, f"Delivery mode: {label.lower()}.", "sandbox_notifications")


@require_POST
def forge(request: HttpRequest) -> HttpResponse:
    """Send a forged notification."""
    form = ForgeForm(request.POST)
    if not form.is_valid():
        return refused(request, "Choose one of the options.", "sandbox_notifications")
    try:
        notifier.forge(forged_payload(form.cleaned_data["kind"]))
    except ValueError as error:
        return refused(request, str(error), "sandbox_notifications")
    return done(request, "The forged notification is being sent.", "sandbox_notifications")


def forged_payload(kind: str) -> dict[str, Any]:
    """Return a forged payload of this kind."""
    known = behaviour.customers().filter(confirmed_at__isnull=False).first()
    customer = known if known and kind != "unknown_customer" else Customer(token=new_token())
    payload = notifier.notification_payload(Submission(customer=customer), root="download-requests")
    if kind == "foreign_url":
        payload["download_url"] = foreign_url(payload["download_url"])
    if kind == "bare":
        return {name: payload[name] for name in ("request_uuid", "customer_id")}
    return payload
