"""Problems of the services at Clarius Cloud: keys, settings, polls, notifications."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Min
from django.urls import reverse
from django.utils import timezone

from exams.models import Submission
from integrations.models import ApiKey, KeyRotation, Mirror, NotificationRecord, RemoteState, Service
from integrations.services.health import overdue_after
from portal.attention.problem import Problem

# So many exams in a row that only the poll found are no accident.
SILENT_FROM = 3
SILENCE_WINDOW = timedelta(days=2)
RECORDS_WINDOW = timedelta(days=3)
MIRROR_PAGES = {
    Mirror.Kind.CUSTOMERS: "customer",
    Mirror.Kind.RECORDS: "notificationrecord",
    Mirror.Kind.APPLICATIONS: "application",
}


def find_service_problems() -> Iterator[Problem]:
    """Look at each active service."""
    for service in Service.objects.in_use().order_by("name"):
        yield from _key(service)
        yield from _settings(service)
        yield from _poll(service)
        yield from _webhook(service)
        yield from _records(service)
        yield from _mirrors(service)


def _page(service: Service, name: str) -> str:
    return reverse(f"admin:integrations_service_{name}", args=[service.pk])


def _key(service: Service) -> Iterator[Problem]:
    if service.circuit_opened_at is not None:
        yield Problem(
            "key_refused",
            f"Clarius Cloud refuses every API key of {service.name}. Calls wait; nothing is lost.",
            "Type a key in",
            _page(service, "keys"),
            oldest=service.circuit_opened_at,
            tone="bad",
        )
    elif not ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).exists():
        yield Problem(
            "key_missing",
            f"{service.name} has no API key in use.",
            "Type a key in",
            _page(service, "keys"),
            tone="bad",
        )
    last = KeyRotation.objects.filter(service=service).first()
    if last is not None and last.step == KeyRotation.Step.FAILED:
        yield Problem(
            "rotation_failed",
            f"The API key of {service.name} could not be replaced. {last.problem}",
            "See the keys",
            _page(service, "keys"),
            oldest=last.ended_at,
        )


def _settings(service: Service) -> Iterator[Problem]:
    state = RemoteState.objects.filter(service=service, drifted_at__isnull=False).first()
    if state is not None and (service.is_registered or service.is_poll_only):
        yield Problem(
            "settings_drifted",
            f"What Clarius Cloud has of {service.name} differs from what is wanted.",
            "Compare and push",
            _page(service, "settings"),
            oldest=state.drifted_at,
        )
    elif not (service.is_registered or service.is_poll_only):
        yield Problem(
            "not_registered",
            f"Clarius Cloud does not know the addresses of {service.name}.",
            "Push the settings",
            _page(service, "settings"),
            oldest=service.created_at,
        )


def _poll(service: Service) -> Iterator[Problem]:
    last = service.polled_at or service.created_at
    if service.circuit_opened_at is None and timezone.now() - last > overdue_after():
        yield Problem(
            "poll_overdue",
            f"The poll of {service.name} is overdue. {service.last_error}".strip(),
            "Look at the service",
            _page(service, "change"),
            oldest=last,
            tone="bad",
        )


def _webhook(service: Service) -> Iterator[Problem]:
    if not (service.is_notified and service.is_registered):
        return
    since = max(service.created_at, timezone.now() - SILENCE_WINDOW)
    rows = Submission.objects.filter(service=service, submitted_at__gte=since, received_at__gte=since)
    told = rows.filter(notified_at__isnull=False).order_by("-received_at").first()
    if told is not None:
        rows = rows.filter(received_at__gt=told.received_at)
    found = rows.filter(notified_at=None).aggregate(count=Count("pk"), oldest=Min("received_at"))
    if found["count"] >= SILENT_FROM:
        yield Problem(
            "webhook_silent",
            f"The poll finds exams of {service.name} of which no notification came.",
            "Compare the settings",
            _page(service, "settings"),
            count=found["count"],
            oldest=found["oldest"],
        )


def _records(service: Service) -> Iterator[Problem]:
    since = timezone.now() - RECORDS_WINDOW
    failed = NotificationRecord.objects.filter(service=service, outcome="failed", sent_at__gte=since)
    found = failed.aggregate(count=Count("pk"), oldest=Min("sent_at"))
    if found["count"]:
        yield Problem(
            "records_failed",
            f"Notifications of {service.name} did not reach the portal; the poll takes in their exams.",
            "See the records",
            reverse("admin:integrations_notificationrecord_changelist")
            + f"?outcome__exact=failed&service__id__exact={service.pk}",
            count=found["count"],
            oldest=found["oldest"],
        )


def _mirrors(service: Service) -> Iterator[Problem]:
    for mirror in Mirror.objects.filter(service=service).exclude(problem="").order_by("kind"):
        kind = Mirror.Kind(mirror.kind)
        yield Problem(
            f"mirror_{kind.value}",
            f"The {kind.label} of {service.name} could not be read. {mirror.problem}",
            "Read them again",
            reverse(f"admin:integrations_{MIRROR_PAGES[kind]}_changelist"),
            oldest=mirror.problem_at,
        )
