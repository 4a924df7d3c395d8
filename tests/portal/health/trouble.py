"""One way to cause each problem of the page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.test import override_settings
from django.utils import timezone

from accounts.models import Grant
from accounts.services.grants import record_grant
from accounts.services.invitations import invite_reviewer
from background.models import Heartbeat, OutgoingMail
from exams.models import PollRun, Report, Submission
from integrations.models import (
    ApiKey,
    Customer,
    KeyRotation,
    NotificationRecord,
    RemoteState,
    Service,
    Sync,
)
from integrations.services.settings.pausing_and_polling import pause_service
from tests.exams.cast import Stage, add_report


def change(**changes: Any) -> None:
    Submission.objects.update(**changes)


def silence(stage: Stage) -> None:
    change(notified_at=None, submitted_at=timezone.now(), received_at=timezone.now())
    row = Submission.objects.get()
    Service.objects.update(created_at=timezone.now() - timedelta(hours=1))
    for number in range(2):
        Submission.objects.create(
            service=row.service,
            customer=row.customer,
            request_uuid=f"00000000-0000-4000-8000-00000000000{number}",
            state="ready",
            submitted_at=timezone.now(),
            received_at=timezone.now(),
        )


def _rotation(stage: Stage) -> None:
    KeyRotation.objects.create(service=stage.service, name="n", cause="person", step="failed")


def _drift(stage: Stage) -> None:
    RemoteState.objects.create(service=stage.service, drifted_at=timezone.now())


def _record(stage: Stage) -> None:
    now = timezone.now()
    NotificationRecord.objects.create(
        service=stage.service,
        fingerprint="f",
        logged_at=now,
        sent_at=now,
        read_at=now,
        outcome="failed",
        url="u",
    )


def _unread(stage: Stage) -> None:
    PollRun.objects.create(
        service=stage.service,
        started_at=timezone.now(),
        is_full=True,
        is_complete=True,
        is_whole=True,
        error_count=1,
    )


def _missed(stage: Stage) -> None:
    now = timezone.now()
    Service.objects.update(full_polled_at=now - timedelta(hours=1))
    NotificationRecord.objects.create(
        service=stage.service,
        fingerprint="m",
        logged_at=now,
        sent_at=now,
        read_at=now,
        outcome="answered",
        url="u",
        request_uuid="00000000-0000-4000-8000-0000000000aa",
    )


def _mail(stage: Stage) -> None:
    OutgoingMail.objects.create(recipient="a@example.test", subject="s", body="b", state="failed")


def _mirror(stage: Stage) -> None:
    Sync.objects.filter(service=stage.service, kind="customers").delete()
    Sync.objects.create(
        service=stage.service, kind="customers", problem="The list was empty.", problem_at=timezone.now()
    )


def _customer(stage: Stage) -> None:
    customers = Customer.objects.filter(pk=stage.customer.pk)
    customers.update(missed_sync_count=1, missed_at=timezone.now())


def _grant(stage: Stage) -> None:
    admin = stage.people["administrator"]
    record_grant(
        kind=Grant.Kind.PASSWORD,
        what="a new password for somebody",
        recipient=admin,
        user=admin,
        address=None,
    )


def _grant_asked(stage: Stage) -> None:
    with override_settings(GRANTS_NEED_TWO=True):
        invite_reviewer(email="a@example.test", user=stage.people["administrator"], address=None)


LONG_AGO = timedelta(hours=5)
DAYS_AGO = timedelta(days=3)
TROUBLE: dict[str, Callable[[Stage], Any]] = {
    "exams-unread": _unread,
    "exams-without-time": lambda _: change(is_time_unreadable=True),
    "service-paused": lambda stage: pause_service(
        service=stage.service, user=stage.people["administrator"], address=None
    ),
    "api-key-refused": lambda _: Service.objects.update(circuit_opened_at=timezone.now()),
    "api-key-missing": lambda _: ApiKey.objects.update(is_in_use=False),
    "key-rotation-failed": _rotation,
    "settings-differ": _drift,
    "not-registered": lambda _: Service.objects.update(is_registered=False),
    "clock-differs": lambda _: Service.objects.update(clock_offset=timedelta(minutes=10)),
    "poll-overdue": lambda _: Service.objects.update(polled_at=timezone.now() - LONG_AGO),
    "full-poll-overdue": lambda _: Service.objects.update(full_polled_at=timezone.now() - timedelta(days=3)),
    "webhook-silent": silence,
    "notifications-failed": _record,
    "notifications-missed": _missed,
    "customers-sync-failed": _mirror,
    "customers-missing": _customer,
    "worker-silent": lambda _: Heartbeat.objects.filter(name="worker").delete(),
    "beat-silent": lambda _: Heartbeat.objects.filter(name="beat").update(seen_at=timezone.now() - LONG_AGO),
    "mail-failed": _mail,
    "grants-made": _grant,
    "grants-waiting": _grant_asked,
    "exams-held-unlinked": lambda _: change(state="held", hold_reason="unlinked"),
    "exams-held-backlog": lambda _: change(state="held", hold_reason="before_start"),
    "exams-held-foreign-url": lambda _: change(state="held", hold_reason="foreign_url"),
    "notifications-held-not-listed": lambda _: change(state="held", hold_reason="not_listed"),
    "notifications-unconfirmed": lambda _: change(
        state="held", hold_reason="unconfirmed", received_at=timezone.now() - LONG_AGO
    ),
    "exams-failed": lambda _: change(state="failed", stored_count=0),
    "exams-incomplete": lambda _: change(state="failed", stored_count=1),
    "notifications-held-unknown": lambda _: change(state="held", hold_reason="unlinked", customer=None),
    "exams-slow": lambda _: change(state="received", received_at=timezone.now() - DAYS_AGO),
    "reports-slow": lambda stage: add_report(
        stage.submission, state="sending", first_tried_at=timezone.now() - DAYS_AGO
    ),
    "reports-failed": lambda stage: add_report(stage.submission, state=Report.State.FAILED),
    "reports-uncertain": lambda stage: add_report(stage.submission, state=Report.State.UNCERTAIN),
}
