"""Checks of exams, reports and notifications."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.db.models import Count, Min
from django.urls import reverse
from django.utils import timezone

from exams.models import PollRun, Report, Submission
from exams.services.intake.statistics import DAYS_SHOWN, MISSED, missed_of, take_in
from exams.services.maintenance.actions import MARK_ARRIVED, RESUME, RETRY, SEND_AGAIN
from exams.services.maintenance.groups import groups_of
from foundation.actions import Action
from foundation.admin_urls import list_url
from foundation.checks import Audience, Cost, Finding, Fix, Level, check
from integrations.checks import MANAGE, fix_by, list_services, page_of
from integrations.models import NotificationRecord, Service
from integrations.services.actions import POLL_EVERYTHING, SOON, for_each_service

S, H, R = Submission.State, Submission.Hold, Report.State
OPERATE, SEND = "exams.operate_submission", "exams.operate_report"
# A notification is normally confirmed within seconds.
UNCONFIRMED_FOR = timedelta(hours=2)
# When only polling finds this many exams in a row, notifications do not work.
SILENT_FROM = 3
# Older exams say nothing about the webhook as it is set up now.
SILENCE_WINDOW = timedelta(days=2)
# Failures that are older are not worth a warning any more.
RECORDS_WINDOW = timedelta(days=3)
TAKE_IN = Action(
    name="take_in",
    button="Import what was missed",
    message=f"are polled in full {SOON}, which imports what was missed",
    service=for_each_service(take_in),
)

problem = partial(
    check, severity=Level.ACTION, cost=Cost.DATABASE, audience=Audience.ADMINISTRATORS, link="See them"
)
of_exams = partial(problem, permission="exams.view_submission", noun="exam")
of_reports = partial(problem, permission="exams.view_report", noun="report", severity=Level.URGENT)
of_records = partial(
    problem,
    permission="integrations.view_notificationrecord",
    noun="notification",
    link="See the records",
    each=list_services,
)


def _held(hold: Submission.Hold, **lookups: Any) -> dict[str, Any]:
    return {"state__exact": S.HELD.value, "hold_reason__exact": hold.value, **lookups}


def _rows(model: Any, lookups: dict[str, Any]) -> Any:
    # Rows that an administrator gave up are no longer problems.
    return model.objects.filter(**lookups, given_up_at=None).order_by()


def _found(
    model: Any, since: str, lookups: dict[str, Any], *, url: str = "", fix: Fix | None = None
) -> Iterator[Finding]:
    groups = groups_of(_rows(model, lookups), since=since, **lookups)
    if groups:
        yield Finding(
            url=url or list_url(model, **lookups, given_up_at__isempty=1),
            count=sum(each.count for each in groups),
            oldest=min((each.oldest for each in groups if each.oldest is not None), default=None),
            fix=fix,
            groups=groups,
        )


def _exams(lookups: dict[str, Any], *actions: Action, **options: Any) -> Iterator[Finding]:
    rows = _rows(Submission, lookups).select_related("customer", "service")
    fix = Fix(rows=rows, permission=OPERATE, actions=actions, **options) if actions else None
    return _found(Submission, "received_at", lookups, fix=fix)


def _reports(state: Report.State, *actions: Action, **options: Any) -> Iterator[Finding]:
    lookups = {"state__exact": state.value}
    rows = _rows(Report, lookups).select_related("submission__customer", "submission__service", "author")
    fix = Fix(rows=rows, permission=SEND, actions=actions, **options)
    return _found(Report, "signed_at", lookups, fix=fix)


@of_exams(
    code="exams-held-unlinked",
    sentence="Exams are held because no portal account is linked to their customer.",
)
def look_at_unlinked() -> Iterator[Finding]:
    """No exam is held because its customer has no portal account."""
    # Resuming cannot be undone once reviewers have seen an exam, so a page asks first.
    return _exams(_held(H.UNLINKED, customer__isnull=False), RESUME, asks=True)


@of_exams(
    code="notifications-held-unknown",
    sentence="Notifications are held because no portal account is linked to the customer they name.",
    noun="notification",
)
def look_at_unknown() -> Iterator[Finding]:
    """No notification names a customer without a portal account."""
    return _exams(_held(H.UNLINKED, customer__isnull=True))


@of_exams(
    code="exams-held-foreign-url",
    sentence="Exams are held because their download address is not the service's.",
)
def look_at_foreign_urls() -> Iterator[Finding]:
    """No exam is held for its address."""
    return _exams(_held(H.FOREIGN_URL))


@of_exams(
    code="notifications-held-not-listed",
    sentence="Notifications are held because the Cloud does not list their exams.",
    noun="notification",
)
def look_at_not_listed() -> Iterator[Finding]:
    """No notification is about an exam that the Cloud does not list."""
    return _exams(_held(H.NOT_LISTED))


@of_exams(
    code="exams-held-backlog",
    sentence="Exams from before the connection are held until someone imports them.",
    link="Import by date or customer",
)
def look_at_backlog() -> Iterator[Finding]:
    """No exam from before the connection waits for a decision."""
    # The backlog page counts only exams of confirmed customers; others cannot be imported.
    lookups = _held(H.BEFORE_START, customer__isnull=False)
    return _found(Submission, "received_at", lookups, url=reverse("admin:exams_submission_backlog"))


@of_exams(
    code="notifications-unconfirmed",
    sentence="Notifications could not be confirmed for hours.",
    noun="notification",
)
def look_at_unconfirmed() -> Iterator[Finding]:
    """Notifications are confirmed within hours."""
    lookups = _held(H.UNCONFIRMED, received_at__lt=timezone.now() - UNCONFIRMED_FOR)
    services = Service.objects.in_use().filter(pk__in=_rows(Submission, lookups).values("service"))
    fix = Fix(rows=services, permission="integrations.operate_service", actions=(POLL_EVERYTHING,))
    return _found(Submission, "received_at", lookups, fix=fix)


@of_exams(code="exams-failed", sentence="Exams could not be fetched.")
def look_at_failed_exams() -> Iterator[Finding]:
    """Every exam could be fetched."""
    return _exams({"state__exact": S.FAILED.value, "stored_count": 0}, RETRY)


@of_exams(
    code="exams-incomplete", sentence="Exams are incomplete: some of their images could not be fetched."
)
def look_at_incomplete_exams() -> Iterator[Finding]:
    """Every exam has all of its captures."""
    lookups = {"state__exact": S.FAILED.value, "stored_count__gt": 0}
    return _exams(lookups, RETRY, button="Retry missing images")


@of_exams(code="exams-slow", sentence="Exams have been on their way unusually long.")
def look_at_slow_exams() -> Iterator[Finding]:
    """No exam is on its way for longer than anything should take."""
    return _slow(Submission, "received_at")


@of_reports(
    code="reports-slow",
    severity=Level.ACTION,
    sentence="Signed reports have been waiting unusually long.",
)
def look_at_slow_reports() -> Iterator[Finding]:
    """No signed report is on its way for longer than anything should take."""
    return _slow(Report, "signed_at")


def _slow(model: Any, since: str) -> Iterator[Finding]:
    found = model.objects.waiting_long().order_by().aggregate(count=Count("pk"), oldest=Min(since))
    if found["count"]:
        yield Finding(url=list_url(model, waiting="long"), **found)


@of_reports(code="reports-failed", sentence="Signed reports were not delivered.")
def look_at_failed_reports() -> Iterator[Finding]:
    """Every signed report could be delivered."""
    # Clarius Cloud refused these, so nothing can arrive twice.
    return _reports(R.FAILED, SEND_AGAIN, button="Send all again")


@of_reports(
    code="reports-uncertain",
    sentence="Reports may or may not have arrived. Someone has to check each of them.",
)
def look_at_uncertain_reports() -> Iterator[Finding]:
    """For every report it is known whether it arrived."""
    return _reports(R.UNCERTAIN, MARK_ARRIVED, SEND_AGAIN, button="Decide", asks=True, is_one_by_one=True)


@of_exams(
    code="exams-without-time",
    sentence="Clarius Cloud lists exams with an unreadable time. They are sorted by their first listing.",
)
def look_at_unreadable_times() -> Iterator[Finding]:
    """Every exam has the time at which it was submitted."""
    return _exams({"is_time_unreadable__exact": 1})


@problem(
    code="exams-unread",
    sentence="Clarius Cloud lists exams that the portal cannot read, so they are missing here.",
    each=list_services,
    link="See what could not be read",
    permission="exams.view_pollrun",
    noun="exam",
)
def look_at_unread(service: Service) -> Iterator[Finding]:
    """Every item of the Cloud's list could be read."""
    runs = PollRun.objects.filter(service=service, is_complete=True)
    # A later run over the newest pages does not see the older ones.
    whole = runs.filter(is_whole=True).first()
    since = {"started_at__gte": whole.started_at} if whole else {}
    # Each run lists the same items again, so the one that met most of them counts.
    worst = runs.filter(error_count__gt=0, **since).order_by("-error_count", "-started_at").first()
    if worst is not None:
        url = list_url(PollRun, service__id__exact=service.pk, unread="yes")
        yield Finding(url=url, count=worst.error_count, oldest=worst.started_at)


@problem(
    code="webhook-silent",
    sentence="The poll finds exams, but no notifications arrive.",
    each=list_services,
    link="Compare the settings",
    permission=MANAGE,
)
def look_at_silent_webhook(service: Service) -> Iterator[Finding]:
    """Some of the newest exams were found by notifications and not only by polling."""
    if not (service.is_notified and service.is_registered):
        return
    since = max(service.created_at, timezone.now() - SILENCE_WINDOW)
    sent = max(service.start, service.by_cloud(since))
    rows = Submission.objects.filter(service=service, submitted_at__gte=sent, received_at__gte=since)
    newest = rows.filter(notified_at__isnull=False).order_by("-received_at").first()
    if newest is not None:
        rows = rows.filter(received_at__gt=newest.received_at)
    found = rows.filter(notified_at=None).aggregate(count=Count("pk"), oldest=Min("received_at"))
    if found["count"] >= SILENT_FROM:
        sentence = f"The poll found {found['count']:,} exams for which no notification arrived."
        yield Finding(sentence=sentence, url=page_of(service, "settings"), oldest=found["oldest"])


@of_records(code="notifications-missed", sentence="Notifications name exams that are missing here.")
def look_at_missed(service: Service) -> Iterator[Finding]:
    """Every exam for which the Cloud sent a notification is here."""
    # An exam that the last full poll did not find cannot be imported.
    start = service.by_cloud(service.full_polled_at) if service.full_polled_at else service.start
    since = max(timezone.now() - timedelta(days=DAYS_SHOWN), start)
    missed = missed_of(service=service, since=since).order_by()
    found = missed.aggregate(count=Count("pk"), oldest=Min("sent_at"))
    if found["count"]:
        lookups = {"delivery": MISSED, "sent_at__gte": since, "service__id__exact": service.pk}
        url = list_url(NotificationRecord, **lookups)
        yield Finding(url=url, fix=fix_by(service, TAKE_IN), **found)


@of_records(
    code="notifications-failed",
    sentence="Notifications did not reach the portal. Their exams are found by polling.",
)
def look_at_failed_notifications(service: Service) -> Iterator[Finding]:
    """Every notification of the last days reached the portal."""
    lookups = {
        "outcome__exact": "failed",
        "sent_at__gte": timezone.now() - RECORDS_WINDOW,
        "service__id__exact": service.pk,
    }
    failed = NotificationRecord.objects.filter(**lookups).order_by()
    found = failed.aggregate(count=Count("pk"), oldest=Min("sent_at"))
    if found["count"]:
        yield Finding(url=list_url(NotificationRecord, **lookups), **found)
