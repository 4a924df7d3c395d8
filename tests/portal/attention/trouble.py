"""One way to bring about each problem of the page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from background.models import Heartbeat, OutgoingMail
from exams.models import Report, Submission
from integrations.models import (
    ApiKey,
    Customer,
    KeyRotation,
    Mirror,
    NotificationRecord,
    RemoteState,
    Service,
)
from integrations.services import operation
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
    Mirror.objects.filter(service=stage.service, kind="customers").delete()
    Mirror.objects.create(
        service=stage.service, kind="customers", problem="The list was empty.", problem_at=timezone.now()
    )


def _customer(stage: Stage) -> None:
    customers = Customer.objects.filter(pk=stage.customer.pk)
    customers.update(missed_walk_count=1, missed_at=timezone.now())


LONG_AGO = timedelta(hours=5)
DAYS_AGO = timedelta(days=3)
TROUBLE: dict[str, Callable[[Stage], Any]] = {
    "paused": lambda stage: operation.pause_service(
        service=stage.service, user=stage.people["administrator"], address=None
    ),
    "key_refused": lambda _: Service.objects.update(circuit_opened_at=timezone.now()),
    "key_missing": lambda _: ApiKey.objects.update(is_in_use=False),
    "rotation_failed": _rotation,
    "settings_drifted": _drift,
    "not_registered": lambda _: Service.objects.update(is_registered=False),
    "poll_overdue": lambda _: Service.objects.update(polled_at=timezone.now() - LONG_AGO),
    "full_poll_overdue": lambda _: Service.objects.update(full_polled_at=timezone.now() - timedelta(days=3)),
    "webhook_silent": silence,
    "records_failed": _record,
    "records_missed": _missed,
    "mirror_customers": _mirror,
    "customers_missing": _customer,
    "worker_silent": lambda _: Heartbeat.objects.filter(name="worker").delete(),
    "beat_silent": lambda _: Heartbeat.objects.filter(name="beat").update(seen_at=timezone.now() - LONG_AGO),
    "mail_failed": _mail,
    "held_unlinked": lambda _: change(state="held", hold_reason="unlinked"),
    "held_before_start": lambda _: change(state="held", hold_reason="before_start"),
    "held_foreign_url": lambda _: change(state="held", hold_reason="foreign_url"),
    "held_not_listed": lambda _: change(state="held", hold_reason="not_listed"),
    "held_unconfirmed": lambda _: change(
        state="held", hold_reason="unconfirmed", received_at=timezone.now() - LONG_AGO
    ),
    "failed": lambda _: change(state="failed", stored_count=0),
    "incomplete": lambda _: change(state="failed", stored_count=1),
    "held_unknown": lambda _: change(state="held", hold_reason="unlinked", customer=None),
    "waiting_submission": lambda _: change(state="received", received_at=timezone.now() - DAYS_AGO),
    "waiting_report": lambda stage: add_report(
        stage.submission, state="sending", first_tried_at=timezone.now() - DAYS_AGO
    ),
    "report_failed": lambda stage: add_report(stage.submission, state=Report.State.FAILED),
    "report_uncertain": lambda stage: add_report(stage.submission, state=Report.State.UNCERTAIN),
}
