"""A signed report goes to the Cloud at most once; what got no answer is for a person to decide."""

import logging
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.record import record
from background.due import from_now
from background.jobs import schedule
from background.leases import (
    MAX_ATTEMPTS,
    DeadlineExceeded,
    Hold,
    Lease,
    LeaseLost,
    acquire,
    finish,
    holding,
    release,
    renew,
)
from background.mail import queue_mail
from exams.models import Call, Report, Submission
from exams.services.calls import noted, told
from exams.services.report_pages import lacks_pages, prepare_pages
from exams.services.states import NotAllowed, move_report
from exams.services.verdicts import may_call, next_turn, pause
from exams.storage import open_file
from integrations.clarius import errors
from integrations.models import Link
from integrations.services import circuit
from integrations.services.clients import NoKey, client_for

logger = logging.getLogger(__name__)

DEADLINE_SECONDS = 30 * 60
R = Report.State
UNCERTAIN = (
    "The report was sent, but Clarius Cloud did not say whether it took it: it may have arrived. "
    "Look in Clarius Cloud before it is sent again."
)
REFUSED = "Clarius Cloud did not accept the report."
HELD = "The exam is held; its report is sent once the exam is released."


def deliver_report(*, pk: int) -> None:
    """Send a signed report, else prepare missing pages; does nothing when another worker holds it."""
    lease = acquire(model=Report, pk=pk)
    if lease is None:
        return
    report = Report.objects.select_related("submission__service", "submission__customer").get(pk=pk)
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS) as held:
            if report.state not in (R.SIGNED, R.SENDING) and lacks_pages(report):
                prepare_pages(report=report, lease=lease)
            elif _may_send(report=report, lease=lease):
                _send(report=report, lease=lease, held=held)
    except LeaseLost:
        logger.info("Another worker decides about report %s.", report.uuid)
    except NotAllowed:
        finish(lease=lease)


def _may_send(*, report: Report, lease: Lease) -> bool:
    if report.state == R.SENDING:
        # Whoever was sending it is gone without a word.
        _end(
            report=report, lease=lease, to=R.UNCERTAIN, reason=UNCERTAIN, detail="The worker ended meanwhile."
        )
    elif report.state != R.SIGNED:
        finish(lease=lease)
    elif lease.attempt > MAX_ATTEMPTS:
        _end(report=report, lease=lease, to=R.FAILED, reason=REFUSED, detail="Too many attempts ended badly.")
    elif report.submission.state == Submission.State.HELD:
        turn = next_turn(now=timezone.now())
        release(lease=lease, not_before=turn, count_attempt=False, failure_reason=HELD, failure_detail="")
    elif not may_call(service=report.submission.service):
        release(lease=lease, not_before=next_turn(now=timezone.now()), count_attempt=False)
    else:
        return True
    return False


def _send(*, report: Report, lease: Lease, held: Hold) -> None:
    service = report.submission.service
    try:
        with open_file(report.file) as file, client_for(service=service) as client:
            # Written down before the first byte: from here on only an answer tells what happened.
            with transaction.atomic():
                renew(lease=lease)
                move_report(pk=report.pk, to=R.SENDING)
            with noted(kind=Call.Kind.REPORT, client=client, report=report):
                client.upload_report(
                    request_uuid=report.submission.request_uuid,
                    name=report.name,
                    file=file,
                    file_name=report.file_name,
                    content_type=report.media_type,
                    use_put=service.report_api == "put",
                    on_progress=held.check,
                )
    except (errors.ClariusError, NoKey, OSError, ValueError, DeadlineExceeded) as error:
        _judge(report=report, lease=lease, error=error)
    else:
        with transaction.atomic():
            _tell_clinicians(report)
            _end(report=report, lease=lease, to=R.DELIVERED, delivered_at=timezone.now())


def _judge(*, report: Report, lease: Lease, error: Exception) -> None:
    detail = f"{type(error).__name__} {getattr(error, 'detail', '')}".strip()
    match error:
        case NoKey() | errors.Unreachable() | errors.Throttled():
            _put_off(report=report, lease=lease, error=error, detail=detail)
        case errors.ServerError() if error.retry_after is not None:
            _put_off(report=report, lease=lease, error=error, detail=detail)
        case errors.KeyRefused() if circuit.key_is_refused(service=report.submission.service):
            _put_off(report=report, lease=lease, error=error, detail=detail)
        case errors.ProtocolError() if not error.status:
            _end(report=report, lease=lease, to=R.UNCERTAIN, reason=UNCERTAIN, detail=detail)
        case (
            errors.KeyRefused()
            | errors.NotFound()
            | errors.Rejected()
            | errors.BlockedByPolicy()
            # A redirect: definite, since nobody follows it.
            | errors.ProtocolError()
        ):
            reason = f"{REFUSED} {told(error)}"
            _end(report=report, lease=lease, to=R.FAILED, reason=reason, detail=detail)
        case OSError() | ValueError():
            reason = "The report's file could not be read."
            _end(report=report, lease=lease, to=R.FAILED, reason=reason, detail=detail)
        case _:
            _end(report=report, lease=lease, to=R.UNCERTAIN, reason=UNCERTAIN, detail=detail)


def _put_off(*, report: Report, lease: Lease, error: Exception, detail: str) -> None:
    reason = "Clarius Cloud cannot take the report at the moment; the portal tries again by itself."
    retry_after = getattr(error, "retry_after", None)
    with transaction.atomic():
        if Report.objects.filter(pk=report.pk, state=R.SENDING).exists():
            move_report(pk=report.pk, to=R.SIGNED)
        release(
            lease=lease,
            not_before=pause(now=timezone.now(), since=report.first_tried_at, retry_after=retry_after),
            count_attempt=False,
            first_tried_at=F("first_tried_at"),
            failure_reason=reason,
            failure_detail=detail,
        )


def _end(
    *, report: Report, lease: Lease, to: str, reason: str = "", detail: str = "", **changes: Any
) -> None:
    with transaction.atomic():
        move_report(pk=report.pk, to=to, failure_reason=reason, failure_detail=detail, **changes)
        # Signed before its pages were made: due once more, for them alone.
        pages_due = from_now() if lacks_pages(report) else None
        finish(lease=lease, not_before=pages_due, attempt_count=0, first_tried_at=None)
        outcome = {R.DELIVERED: "ok", R.UNCERTAIN: "uncertain"}.get(R(to), "failed")
        record(action="report.sent", outcome=outcome, target=report, sha256=report.sha256)


def _tell_clinicians(report: Report) -> None:
    links = Link.objects.filter(customer=report.submission.customer_id, state=Link.State.CONFIRMED)
    for link in links.select_related("user"):
        queue_mail(
            recipient=link.user.email,
            subject="New report on one of your exams",
            body=(
                "A reviewer signed a report on one of your exams. It is also in Clarius Cloud.\n"
                f"Read the report: {settings.PUBLIC_URL}/reports/{report.uuid}/\n"
            ),
        )


def retry_delivery(*, report: Report, user: Any, address: str | None) -> None:
    """Send a report again that was not taken; raises NotAllowed for any other."""
    if report.state != R.FAILED:
        raise NotAllowed("Only a report that was not delivered is sent again.")
    _send_again(report=report, user=user, address=address, action="report.retried")


def resolve_uncertain(*, report: Report, user: Any, arrived: bool, address: str | None) -> None:
    """Settle what became of a report, as a person saw it in Clarius Cloud; raises NotAllowed."""
    if report.state != R.UNCERTAIN:
        raise NotAllowed("Only an uncertain delivery can be settled.")
    if not arrived:
        _send_again(report=report, user=user, address=address, action="report.sent_again")
        return
    with transaction.atomic():
        _require(report, R.UNCERTAIN)
        move_report(pk=report.pk, to=R.DELIVERED, delivered_at=timezone.now())
        _tell_clinicians(report)
        record(action="report.seen_at_cloud", actor=user, target=report, address=address)


def _send_again(*, report: Report, user: Any, address: str | None, action: str) -> None:
    with transaction.atomic():
        _require(report, report.state)
        move_report(pk=report.pk, to=R.SIGNED)
        schedule(model=Report, pk=report.pk)
        record(action=action, actor=user, target=report, address=address)


def _require(report: Report, state: str) -> None:
    # Two people may press at the same moment; the second finds it decided.
    if not Report.objects.select_for_update().filter(pk=report.pk, state=state).exists():
        raise NotAllowed("Somebody else has decided about this report meanwhile.")
