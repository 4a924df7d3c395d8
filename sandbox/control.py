"""The control plane: JSON calls from this machine that change the sandbox."""

import json
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from sandbox import behaviour, faults, links, notifier
from sandbox.fault_options import checked_options
from sandbox.models import (
    Application,
    Call,
    Customer,
    Fault,
    LinkEpoch,
    NotificationRecord,
    Report,
    Service,
    ServiceKey,
    Submission,
    new_token,
)
from sandbox.seed.database import seed
from sandbox.seed.exams import available_exams

Body = dict[str, Any]
Handler = Callable[..., Any]
NOTIFY_MODES = ("send", "drop", "repeat", "delay")


class Refused(Exception):
    """The call is invalid; the text gives the reason."""


def control(**handlers: Handler) -> Callable[..., HttpResponse]:
    """Make a view of functions by method; each takes the JSON body and returns the answer."""

    @csrf_exempt
    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        handler = handlers.get(request.method or "")
        if handler is None:
            return JsonResponse({"detail": "Method not allowed."}, status=405)
        try:
            answer = handler(_sent(request), **kwargs)
        except Http404 as error:
            return JsonResponse({"detail": str(error)}, status=404)
        except (Refused, KeyError, ValueError, TypeError, OverflowError) as error:
            return JsonResponse({"detail": f"{type(error).__name__}: {error}"}, status=400)
        if answer is None:
            return HttpResponse(status=204)
        return JsonResponse(answer, safe=False, status=201 if request.method == "POST" else 200)

    return view


def _sent(request: HttpRequest) -> Body:
    """Return the JSON body, or the query of a GET; raises Refused for anything but an object."""
    if request.method == "GET":
        return request.GET.dict()
    body = json.loads(request.body) if request.body else {}
    if not isinstance(body, dict):
        raise Refused("The body must be a JSON object.")
    return body


# --- Keys, customers -------------------------------------------------------------------------------------


def _create_key(body: Body) -> Body:
    key, text = behaviour.create_key(name=str(body.get("name") or "key")[:50])
    return {"prefix": key.prefix, "key": text}


def _revoke_key(body: Body, prefix: str) -> None:
    if not behaviour.revoke_key(prefix=prefix):
        raise Refused("This key does not exist.")


def customer_facts(customer: Customer) -> Body:
    """Return a customer as the control plane shows it."""
    return {
        "token": customer.token,
        "name": customer.name,
        "institution": customer.institution,
        "confirmed_at": customer.confirmed_at.isoformat() if customer.confirmed_at else None,
        "is_subscribed": customer.is_subscribed,
        "connect_url": behaviour.connect_url(customer),
    }


def _create_customer(body: Body) -> Body:
    token = str(body.get("token") or new_token())
    if behaviour.customers().filter(token=token).exists():
        raise Refused("Another customer has this token.")
    customer = behaviour.add_customer(
        name=str(body["name"]),
        institution=str(body.get("institution", "")),
        token=token,
        is_confirmed=bool(body.get("confirmed")),
    )
    return customer_facts(customer)


def _change_customer(body: Body, token: str) -> Body:
    """Unsubscribe a customer or withdraw a confirmation, as the provider's staff can."""
    customer = get_object_or_404(Customer, token=token)
    if "is_subscribed" in body:
        customer.is_subscribed = bool(body["is_subscribed"])
    if body.get("confirmed") is False:
        customer.confirmed_at = None
    customer.save()
    return customer_facts(customer)


# --- Submissions, reports --------------------------------------------------------------------------------


def submission_facts(submission: Submission) -> Body:
    """Return the ground truth of a submission."""
    return {
        "request_uuid": str(submission.request_uuid),
        "exam_uuid": str(submission.exam_uuid),
        "customer_id": submission.customer.token,
        "submitted_at": submission.submitted_at.isoformat(),
        "patient": submission.patient,
        "captures": [
            {
                "uuid": str(each.uuid),
                "name": each.name,
                "sha256": each.sha256,
                "size": each.size,
                "content_type": each.content_type,
            }
            for each in submission.captures.all()
        ],
    }


def _instant(text: str) -> datetime:
    """Read a date and time; one without a zone is UTC."""
    instant = datetime.fromisoformat(text)
    return instant if timezone.is_aware(instant) else instant.replace(tzinfo=UTC)


def _create_submission(body: Body) -> Body:
    ready_after = float(body.get("ready_after", 0))
    submission = behaviour.create_submission(
        customer=get_object_or_404(Customer, token=body["customer"]),
        exam_slug=body.get("exam"),
        patient=body.get("patient"),
        exam_uuid=uuid.UUID(body["exam_uuid"]) if body.get("exam_uuid") else None,
        notify=bool(body.get("notify", True)),
        submitted_at=_instant(body["submitted_at"]) if body.get("submitted_at") else None,
        capture_count=body.get("capture_count"),
        extra=body.get("extra"),
        ready_at=timezone.now() + timedelta(seconds=ready_after) if ready_after else None,
    )
    return submission_facts(submission)


def _list_submissions(body: Body) -> list[Body]:
    rows = Submission.objects.select_related("customer").prefetch_related("captures")
    return [submission_facts(each) for each in rows]


def _remove_submission(body: Body, request_uuid: uuid.UUID) -> None:
    """Remove a submission from the list, as when access ends."""
    get_object_or_404(Submission, request_uuid=request_uuid).delete()


def _list_exams(body: Body) -> list[Body]:
    return [
        {"slug": each.slug, "title": each.title, "captures": len(each.files), "patient": each.patient}
        for each in available_exams()
    ]


def _list_reports(body: Body) -> list[Body]:
    return [
        {
            "uuid": str(each.uuid),
            "request_uuid": str(each.submission.request_uuid),
            "name": each.name,
            "file_name": each.file_name,
            "sha256": each.sha256,
            "size": each.size,
            "content_type": each.content_type,
            "received_at": each.received_at.isoformat(),
        }
        for each in Report.objects.select_related("submission")
    ]


# --- Faults, links, notifications ------------------------------------------------------------------------


def _add_fault(body: Body) -> Body:
    match, kind = str(body.pop("match")), str(body.pop("kind"))
    if match not in faults.MATCHES or kind not in faults.kinds_for(match):
        raise Refused(f"match must be one of {faults.MATCHES}, kind one of {faults.kinds_for(match)}")
    times = int(body.pop("times", 1))
    if times < 1:
        raise Refused("times must be at least 1")
    fault = Fault.objects.create(
        match=match, kind=kind, times=times, options=checked_options(kind=kind, options=body)
    )
    return _fault_facts(fault)


def _fault_facts(fault: Fault) -> Body:
    return {"match": fault.match, "kind": fault.kind, "times": fault.times, "options": fault.options}


def _list_faults(body: Body) -> list[Body]:
    return [_fault_facts(each) for each in Fault.objects.all()]


def _clear_faults(body: Body) -> None:
    Fault.objects.all().delete()


def _expire_links(body: Body) -> None:
    links.expire_links()


def _send_notification(body: Body) -> Body:
    if "forge" in body:
        notifier.forge(body["forge"])
    else:
        behaviour.resend(get_object_or_404(Submission, request_uuid=uuid.UUID(body["request_uuid"])))
    return {"status": "sending"}


def _set_mode(body: Body) -> Body:
    if body.get("mode") not in NOTIFY_MODES:
        raise Refused(f"mode must be one of {NOTIFY_MODES}")
    Service.get()
    Service.objects.update(notify_mode=body["mode"])
    return {"mode": body["mode"]}


def _list_calls(body: Body) -> list[Body]:
    fields = ("id", "endpoint", "method", "path", "has_authorization", "status", "fault", "at")
    rows, since = Call.objects.all(), body.get("since", "")
    if since.isdecimal():
        rows = rows.filter(id__gt=int(since))
    elif since:
        # A plus sign in a query is a space.
        rows = rows.filter(at__gte=_instant(since.replace(" ", "+")))
    return list(rows.values(*fields))


def _reset(body: Body) -> None:
    with transaction.atomic():
        for model in (Report, NotificationRecord, Submission, Customer, ServiceKey, Fault, Call, LinkEpoch):
            model.objects.all().delete()
        Service.objects.all().delete()
        Application.objects.all().delete()
    for folder in ("media", "reports"):
        shutil.rmtree(settings.SANDBOX_DIR / folder, ignore_errors=True)
    seed()


keys = control(POST=_create_key)
revoke = control(POST=_revoke_key)
customers = control(
    POST=_create_customer, GET=lambda body: [customer_facts(each) for each in behaviour.customers()]
)
customer = control(PATCH=_change_customer)
submissions = control(POST=_create_submission, GET=_list_submissions)
submission = control(DELETE=_remove_submission)
exams = control(GET=_list_exams)
reports = control(GET=_list_reports)
fault_list = control(POST=_add_fault, GET=_list_faults, DELETE=_clear_faults)
expire = control(POST=_expire_links)
notifications = control(POST=_send_notification)
notify_mode = control(POST=_set_mode)
calls = control(GET=_list_calls)
reset = control(POST=_reset)
