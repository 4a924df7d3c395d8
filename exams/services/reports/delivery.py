"""Deliver signed reports to the Cloud, at most once; a person decides about a delivery without an answer."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.entries import add_entry
from background.due import schedule
from background.leases import Hold
from background.mail import queue_mail
from background.runner import NOW, Done, Job, Later, Outcome
from exams.models import Call, Report
from exams.services.calls import logged_call
from exams.services.transitions import NotAllowed, move_report, move_reports
from exams.states import ReportFailure, SubmissionState
from exams.states import ReportState as R
from exams.storage import open_file
from integrations.clarius import errors
from integrations.cloud import CloudProblem, Means, Rule, cloud, wait_for_service
from integrations.models import Link

# The call cannot be repeated safely, so only a definite answer counts as a refusal.
RULES: tuple[Rule, ...] = (
    Rule((errors.Unreachable, errors.Throttled), Means.WAIT, ReportFailure.AWAY),
    Rule(errors.ServerError, Means.WAIT, ReportFailure.AWAY, has_retry_after=True),
    Rule(errors.ProtocolError, Means.MAYBE_DONE, ReportFailure.UNCERTAIN, status=frozenset({None, 0})),
    Rule(errors.Rejected, Means.MAYBE_DONE, ReportFailure.ALREADY_THERE, status=frozenset({409})),
    Rule(errors.Rejected, Means.NEVER, ReportFailure.TOO_LARGE, status=frozenset({413})),
    # A redirect is definite as well, because it is not followed.
    Rule(
        (errors.KeyRefused, errors.NotFound, errors.Rejected, errors.BlockedByPolicy, errors.ProtocolError),
        Means.NEVER,
        ReportFailure.REFUSED,
    ),
    Rule(errors.ClariusError, Means.MAYBE_DONE, ReportFailure.UNCERTAIN),
)


def _send(report: Report, hold: Hold) -> Outcome:
    if report.submission.state == SubmissionState.HELD:
        held = {"failure_reason": ReportFailure.EXAM_HELD, "failure_detail": ""}
        return Later(wait_for_service(), changes=held)
    service = report.submission.service
    try:
        with open_file(report.file) as file, cloud(service, rules=RULES) as client:
            # Saved before the first byte is sent: from here on only an answer shows what happened.
            with hold.step():
                move_report(pk=report.pk, to=R.SENDING)
            with logged_call(kind=Call.Kind.REPORT, client=client, report=report):
                client.upload_report(
                    request_uuid=report.submission.request_uuid,
                    name=report.name,
                    file=file,
                    file_name=report.file_name,
                    content_type=report.media_type,
                    use_put=service.report_api == "put",
                    on_progress=hold.check,
                )
    except CloudProblem as problem:
        return _judge(report, problem)
    except (OSError, ValueError) as error:
        return _end(report, R.FAILED, ReportFailure.FILE_UNREADABLE, type(error).__name__)
    return Done(effect=lambda: _write_end(report, R.DELIVERED, delivered_at=timezone.now()))


def _judge(report: Report, problem: CloudProblem) -> Outcome:
    if problem.means == Means.MAYBE_DONE:
        return _end(report, R.UNCERTAIN, ReportFailure(problem.code), problem.detail)
    if problem.means != Means.WAIT:
        is_name = "name" in getattr(problem.error, "fields", ())
        reason = ReportFailure.NAME_REFUSED if is_name else ReportFailure(problem.code)
        return _end(report, R.FAILED, reason, problem.detail)
    if problem.error is None:
        # Nothing was sent: the service is paused, or no key works.
        return problem.later()
    failure: dict[str, Any] = {"failure_reason": ReportFailure.AWAY, "failure_detail": problem.detail}
    return replace(problem.later(**failure), effect=lambda: _take_back(report))


def _take_back(report: Report) -> None:
    move_reports(Report.objects.filter(pk=report.pk, state=R.SENDING), to=R.SIGNED)


def _find_abandoned(report: Report, hold: Hold) -> Outcome | None:
    # A worker died while it was sending the report.
    if report.state != R.SENDING:
        return None
    return _end(report, R.UNCERTAIN, ReportFailure.UNCERTAIN, "The worker ended while sending.")


def _run_late(report: Report, hold: Hold) -> Outcome:
    report.refresh_from_db(fields=["state"])
    if report.state == R.SENDING:
        # Part of it has been sent: an automatic retry could deliver it twice.
        return _end(report, R.UNCERTAIN, ReportFailure.UNCERTAIN, "It took too long.")
    return Later(NOW, counts=True)


def _end(report: Report, to: R, reason: ReportFailure, detail: str) -> Done:
    failure = {"failure_reason": reason, "failure_detail": detail}
    return Done(effect=lambda: _write_end(report, to, **failure))


def _write_end(report: Report, to: R, **changes: Any) -> None:
    move_report(pk=report.pk, to=to, **changes)
    if to == R.DELIVERED:
        _tell_clinicians(report)
    outcome = {R.DELIVERED: "ok", R.UNCERTAIN: "uncertain"}.get(to, "failed")
    add_entry(action="report.sent", outcome=outcome, target=report, sha256=report.sha256)


def _tell_clinicians(report: Report) -> None:
    links = Link.objects.filter(customer=report.submission.customer_id, state=Link.State.CONFIRMED)
    for link in links.select_related("user"):
        queue_mail(
            recipient=link.user.email,
            subject="New report on one of your exams",
            body=(
                "One of your exams has a new report. It is also in Clarius Cloud.\n"
                f"Read the report: {settings.PUBLIC_URL}/reports/{report.uuid}/\n"
            ),
        )


def retry_delivery(*, report: Report, user: Any, address: str | None) -> None:
    """Send a report again that was not accepted; raises NotAllowed for any other."""
    if report.state != R.FAILED:
        raise NotAllowed("Only a report that was not delivered can be sent again.")
    _send_again(report=report, user=user, address=address, action="report.retried")


def resolve_uncertain(*, report: Report, user: Any, arrived: bool, address: str | None) -> None:
    """Resolve an uncertain delivery as a person saw it in Clarius Cloud; raises NotAllowed."""
    if report.state != R.UNCERTAIN:
        raise NotAllowed("Only an uncertain delivery can be resolved.")
    if not arrived:
        _send_again(report=report, user=user, address=address, action="report.sent_again")
        return
    with transaction.atomic():
        _require(report, R.UNCERTAIN)
        move_report(pk=report.pk, to=R.DELIVERED, delivered_at=timezone.now())
        _tell_clinicians(report)
        add_entry(action="report.seen_at_cloud", actor=user, target=report, address=address)


def _send_again(*, report: Report, user: Any, address: str | None, action: str) -> None:
    with transaction.atomic():
        _require(report, report.state)
        move_report(pk=report.pk, to=R.SIGNED)
        schedule(Report.objects.filter(pk=report.pk))
        add_entry(action=action, actor=user, target=report, address=address)


def _require(report: Report, state: str) -> None:
    # Two people may act at the same moment; the second one is refused.
    if not Report.objects.select_for_update().filter(pk=report.pk, state=state).exists():
        raise NotAllowed("Someone else changed this report.")


DELIVER = Job(
    name="exams.deliver_report",
    model=Report,
    work=_send,
    waits_for="submission__service",
    # Time for 100 MiB over a slow line; the upload checks it as it goes.
    deadline=timedelta(minutes=30),
    overtime=_run_late,
    is_urgent=True,
    related=("submission__service", "submission__customer"),
    applies=lambda report: report.state in (R.SIGNED, R.SENDING),
    # An administrator may give it up while it waits; a reason written after that would be wrong.
    guard=lambda report: (
        Report.objects.select_for_update().filter(pk=report.pk, state__in=(R.SIGNED, R.SENDING)).exists()
    ),
    recover=_find_abandoned,
    exhausted=lambda report, hold, last: _end(
        report, R.FAILED, ReportFailure.TOO_MANY_TRIES, "Too many attempts failed."
    ),
    # An administrator or a reviewer decided about it meanwhile.
    gone=(NotAllowed,),
)
