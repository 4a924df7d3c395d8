"""A backlog of exams waits for what people wait for, and the newest exam comes before it."""

from collections.abc import Callable
from datetime import timedelta

from celery import current_app
from django.utils import timezone

from background.due import schedule
from background.models import OutgoingMail
from exams import storage
from exams.models import Report, Submission
from exams.services.fetch.job import FETCH
from exams.services.transitions import move_reports
from integrations.models import Link
from integrations.services.linking.links import link_customer
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.rows import ago
from tests.people import make_person

PDF = b"%PDF-1.7\nreport\n%%EOF\n"
BACKLOG = 20


def _handle_message(row: Submission) -> None:
    """Do what one thread of a worker does with the message that announces this row."""
    current_app.tasks[FETCH.name](row.pk)


def _sign_report(row: Submission) -> Report:
    stored = storage.store_upload([PDF])
    report = Report.objects.create(
        submission=row,
        name="Echo",
        file_name="echo.pdf",
        file=stored.path,
        sha256=stored.sha256,
        size=stored.size,
        media_type=stored.media_type,
        page_count=1,
    )
    move_reports(Report.objects.all(), to="signed", signed_at=timezone.now())
    schedule(Report.objects.filter(pk=report.pk))
    return report


def test_links_reports_and_mails_come_before_a_backlog_and_the_newest_exam_is_its_first(
    portal: Portal, submit: Callable[..., CloudSubmission], cloud: Cloud
) -> None:
    done = portal.receive(submit(capture_count=1))
    sent = [
        submit(capture_count=1, submitted_at=(timezone.now() - timedelta(days=age)).isoformat())
        for age in range(BACKLOG, 0, -1)
    ]
    portal.poll()
    Submission.objects.filter(state="received").update(not_before=ago(hours=1))
    newest = submit(capture_count=1)
    portal.poll()
    report = _sign_report(done)
    customer = cloud.add_customer()
    linked = link_customer(
        service=portal.service, token=customer.token, user=make_person("clinician"), address=None
    )
    assert linked.link is not None

    _handle_message(portal.row(sent[0]))

    linked.link.refresh_from_db()
    report.refresh_from_db()
    assert (linked.link.state, report.state) == (Link.State.CONFIRMED, Report.State.DELIVERED)
    assert OutgoingMail.objects.get(subject__contains="being connected").state == OutgoingMail.State.SENT
    assert portal.row(newest).state == Submission.State.READY
    assert {portal.row(each).state for each in sent} == {Submission.State.RECEIVED}
