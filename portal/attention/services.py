"""Problems of the services at Clarius Cloud: keys, settings, polls, notifications."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.db.models import Count, Min
from django.urls import reverse
from django.utils import timezone

from exams.models import Submission
from exams.services.arrivals import DAYS_SHOWN, MISSED, missed_of
from foundation.actions import Action
from integrations.models import ApiKey, KeyRotation, Mirror, NotificationRecord, RemoteState, Service
from integrations.services import circuit, operation
from integrations.services.overdue import full_overdue_after, overdue_after
from portal.attention.deeds import POLL, POLL_EVERYTHING, READ_AGAIN, RESUME, TAKE_IN
from portal.attention.problem import Mend, Problem, list_url

VIEW, OPERATE = "integrations.view_service", "integrations.operate_service"
RECORDS = "integrations.view_notificationrecord"
MANAGE = "integrations.manage_service"
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
    """Look at each service."""
    for service in Service.objects.order_by("name"):
        for problem in _find(service) if service.is_active else _paused(service):
            yield replace(problem, about=service.slug)


def _find(service: Service) -> Iterator[Problem]:
    yield from _key(service)
    yield from _settings(service)
    yield from _poll(service)
    yield from _webhook(service)
    yield from _records(service)
    yield from _mirrors(service)


def _paused(service: Service) -> Iterator[Problem]:
    yield Problem(
        "paused",
        f"{service.name} is paused: nothing is polled, fetched or sent.",
        "Look at the service",
        _page(service, "change"),
        "service",
        VIEW,
        oldest=operation.paused_since(service=service),
        mend=_operate(service, RESUME),
    )


def _page(service: Service, name: str) -> str:
    return reverse(f"admin:integrations_service_{name}", args=[service.pk])


def _key(service: Service) -> Iterator[Problem]:
    if service.circuit_opened_at is not None:
        yield Problem(
            "key_refused",
            f"{service.name}: {circuit.SENTENCE} Nothing is lost.",
            "Type a key in",
            _page(service, "keys"),
            "service",
            MANAGE,
            oldest=service.circuit_opened_at,
            tone="bad",
        )
    elif not ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).exists():
        yield Problem(
            "key_missing",
            f"{service.name} has no API key in use.",
            "Type a key in",
            _page(service, "keys"),
            "service",
            MANAGE,
            tone="bad",
        )
    last = KeyRotation.objects.filter(service=service).first()
    if last is not None and last.step == KeyRotation.Step.FAILED:
        yield Problem(
            "rotation_failed",
            f"The API key of {service.name} could not be replaced. {last.problem}".strip(),
            "See the keys",
            _page(service, "keys"),
            "service",
            MANAGE,
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
            "service",
            MANAGE,
            oldest=state.drifted_at,
        )
    elif not (service.is_registered or service.is_poll_only):
        yield Problem(
            "not_registered",
            f"Clarius Cloud does not know the addresses of {service.name}.",
            "Push the settings",
            _page(service, "settings"),
            "service",
            MANAGE,
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
            "service",
            VIEW,
            oldest=last,
            tone="bad",
            mend=_operate(service, POLL),
        )
        return
    last = service.full_polled_at or service.created_at
    if service.circuit_opened_at is None and timezone.now() - last > full_overdue_after():
        yield Problem(
            "full_poll_overdue",
            f"No pass over everything that {service.name} has at Clarius Cloud has ended for "
            f"{(timezone.now() - last).days} days. {service.last_error}".strip(),
            "Look at the service",
            _page(service, "change"),
            "service",
            VIEW,
            oldest=last,
            mend=_operate(service, POLL_EVERYTHING),
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
            f"The poll found {found['count']:,} exams of {service.name} of which no notification came.",
            "Compare the settings",
            _page(service, "settings"),
            "service",
            MANAGE,
            oldest=found["oldest"],
        )


def _records(service: Service) -> Iterator[Problem]:
    now = timezone.now()
    # What a walk from end to end did not find after it was sent is not there to be taken in.
    since = max(now - timedelta(days=DAYS_SHOWN), service.full_polled_at or service.created_at)
    missed = missed_of(service=service, since=since).order_by()
    found = missed.aggregate(count=Count("pk"), oldest=Min("sent_at"))
    of_service = {"service__id__exact": service.pk}
    if found["count"]:
        yield Problem(
            "records_missed",
            f"Notifications of {service.name} name exams that are not here.",
            "See the records",
            list_url(NotificationRecord, arrival=MISSED, sent_at__gte=since, **of_service),
            "notification",
            RECORDS,
            mend=_operate(service, TAKE_IN),
            **found,
        )
    lookups = {"outcome__exact": "failed", "sent_at__gte": now - RECORDS_WINDOW, **of_service}
    failed = NotificationRecord.objects.filter(**lookups).order_by()
    found = failed.aggregate(count=Count("pk"), oldest=Min("sent_at"))
    if found["count"]:
        yield Problem(
            "records_failed",
            f"Notifications of {service.name} did not reach the portal; the poll takes in their exams.",
            "See the records",
            list_url(NotificationRecord, **lookups),
            "notification",
            RECORDS,
            **found,
        )


def _mirrors(service: Service) -> Iterator[Problem]:
    for mirror in Mirror.objects.filter(service=service).exclude(problem="").order_by("kind"):
        kind = Mirror.Kind(mirror.kind)
        rows = Mirror.objects.filter(pk=mirror.pk)
        yield Problem(
            f"mirror_{kind.value}",
            f"The {kind.label} of {service.name} could not be read. {mirror.problem}",
            "See the list",
            reverse(f"admin:integrations_{MIRROR_PAGES[kind]}_changelist"),
            "list",
            f"integrations.view_{MIRROR_PAGES[kind]}",
            oldest=mirror.problem_at,
            mend=Mend(rows=rows, permission=OPERATE, deeds=(READ_AGAIN,)),
        )


def _operate(service: Service, deed: Action) -> Mend:
    return Mend(rows=Service.objects.filter(pk=service.pk), permission=OPERATE, deeds=(deed,))
