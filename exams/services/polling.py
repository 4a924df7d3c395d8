"""Ask the Cloud for its list: the one source of truth about what was submitted."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from background.backoff import next_attempt
from background.jobs import schedule
from background.leases import DeadlineExceeded, Hold, Lease, LeaseLost, acquire, finish, holding, release
from exams.models import Submission
from exams.models import Walk as WalkRecord
from exams.services.calls import PageCalls, told
from exams.services.hints import cap_hints, count_missed_pass
from exams.services.holds import release_linked
from exams.services.intake import take_page, tell_growth
from integrations.clarius import errors
from integrations.models import Service
from integrations.services import circuit
from integrations.services.clients import NoKey, client_for

DEADLINE_SECONDS = 60 * 60
KNOWN_PAGES = 2
# So many new rows in one walk, and what the database believed of its tables may no longer be so.
MANY_NEW = 1000
KEEP_RECORDS = timedelta(days=30)
LARGEST_COUNT = 2**31 - 1


@dataclass
class Walk:
    """What a walk saw; `is_whole` when it came to the end of the list."""

    pages: int = 0
    seen: int = 0
    new: int = 0
    known: int = 0
    error_count: int = 0
    seconds: float = 0.0
    remote_count: int | None = None
    is_whole: bool = False
    calls: PageCalls = field(default_factory=PageCalls)


def poll_service(*, pk: int) -> Walk | None:
    """Walk the list of one service; None when it is not due, away, or held by another worker."""
    lease = acquire(model=Service, pk=pk)
    if lease is None:
        return None
    service = Service.objects.get(pk=pk)
    if not service.is_active:
        finish(lease=lease)
        return None
    if circuit.is_open(service=service):
        release(lease=lease, not_before=timezone.now() + circuit.PROBE_EVERY, count_attempt=False)
        return None
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS) as held:
            return _poll(service=service, lease=lease, held=held)
    except LeaseLost:
        return None


def poll_now(*, service: Service, is_full: bool) -> Walk | None:
    """Walk the list in this process; None when it failed (see `last_error`) or another worker is at it."""
    rows = Service.objects.filter(pk=service.pk)
    if is_full:
        rows.update(full_poll_due_at=timezone.now())
    schedule(queryset=rows)
    return poll_service(pk=service.pk)


def walk(*, service: Service, is_full: bool, held: Hold, seen: Walk | None = None) -> Walk:
    """Take in the list page by page; unless `is_full`, stop after two pages of known rows.

    Counts go into `seen` as they come. Raises ClariusError, NoKey, LeaseLost and DeadlineExceeded.
    """
    result = seen or Walk()
    started, known_pages = time.monotonic(), 0
    with client_for(service=service) as client:
        for page in result.calls.noted(client.exam_pages(), client=client):
            held.check()
            taken = take_page(service=service, notifications=page.results)
            result.pages += 1
            result.seen += len(page.results)
            if result.new < MANY_NEW <= result.new + taken.new:
                tell_growth()
            result.new += taken.new
            result.known += taken.known
            result.error_count += len(page.faulty)
            result.remote_count = min(page.count, LARGEST_COUNT)
            result.seconds = time.monotonic() - started
            known_pages = known_pages + 1 if not taken.new else 0
            if not is_full and known_pages >= KNOWN_PAGES:
                return result
    result.is_whole = True
    return result


def _poll(*, service: Service, lease: Lease, held: Hold) -> Walk | None:
    started_at = timezone.now()
    # After an attempt that broke off, known pages at the top say nothing about those below.
    is_full = lease.attempt > 1 or _is_full_due(service=service, now=started_at)
    result = Walk()
    try:
        release_linked(service=service)
        walk(service=service, is_full=is_full, held=held, seen=result)
    except (errors.ClariusError, NoKey, DeadlineExceeded) as error:
        _record(service=service, started_at=started_at, is_full=is_full, result=result, error=error)
        _put_off(service=service, lease=lease, error=error, is_broken_off=bool(result.new))
        return None
    except LeaseLost:
        # A process that stops counts no attempt, so that nothing else would tell of the pages below.
        if result.new:
            _want_full_poll(service)
        raise
    _record(service=service, started_at=started_at, is_full=is_full, result=result, error=None)
    if result.is_whole and _is_believable(service=service, result=result):
        count_missed_pass(service=service, started_at=started_at)
    cap_hints(service=service)
    _finish(service=service, lease=lease, is_whole=result.is_whole, result=result)
    return result


def _is_full_due(*, service: Service, now: datetime) -> bool:
    if service.full_poll_due_at is None or service.full_poll_due_at <= now:
        return True
    # After an outage the newest pages alone may not tell all.
    outage = now - 2 * timedelta(minutes=settings.POLL_MINUTES)
    return service.polled_at is None or service.polled_at < outage


def _is_believable(*, service: Service, result: Walk) -> bool:
    # An empty list where there was something is a fault of the Cloud's rather than news.
    return (
        bool(result.seen) or not Submission.objects.filter(service=service, polled_at__isnull=False).exists()
    )


def _finish(*, service: Service, lease: Lease, is_whole: bool, result: Walk) -> None:
    now = timezone.now()
    changes: dict[str, Any] = {"polled_at": now, "remote_count": result.remote_count}
    changes |= {"last_error": "", "last_error_at": None, "attempt_count": 0, "first_tried_at": None}
    due = service.full_poll_due_at
    with transaction.atomic():
        current = Service.objects.select_for_update().get(pk=service.pk)
        is_wanted_anew = current.full_poll_due_at != service.full_poll_due_at
        if is_whole:
            changes["full_polled_at"] = now
            due = now + timedelta(hours=settings.FULL_POLL_HOURS)
        if is_wanted_anew:
            # Somebody asked for a full pass while this one was under way.
            due = current.full_poll_due_at
        soon = now + timedelta(minutes=settings.POLL_MINUTES)
        finish(
            lease=lease,
            not_before=min(soon, due) if due is not None else soon,
            full_poll_due_at=due,
            **changes,
        )


def _put_off(*, service: Service, lease: Lease, error: Exception, is_broken_off: bool) -> None:
    now = timezone.now()
    if is_broken_off:
        _want_full_poll(service)
    if isinstance(error, errors.KeyRefused) and circuit.key_is_refused(service=service):
        release(lease=lease, not_before=now + circuit.PROBE_EVERY, count_attempt=False)
        return
    release(
        lease=lease,
        not_before=next_attempt(
            now=now, attempt=lease.attempt, retry_after=getattr(error, "retry_after", None)
        ),
        last_error=_sentence(error),
        last_error_at=now,
    )


def _want_full_poll(service: Service) -> None:
    Service.objects.filter(pk=service.pk).update(full_poll_due_at=timezone.now())


def _sentence(error: Exception) -> str:
    if isinstance(error, errors.ClariusError):
        return told(error)
    if isinstance(error, NoKey):
        return "The service has no API key in use."
    return "The walk through the list took too long."


def _count_listed(service: Service) -> int:
    return Submission.objects.filter(service=service, polled_at__isnull=False).count()


def _record(
    *, service: Service, started_at: datetime, is_full: bool, result: Walk, error: Exception | None
) -> None:
    record = WalkRecord.objects.create(
        service=service,
        started_at=started_at,
        is_full=is_full,
        is_complete=error is None,
        page_count=result.pages,
        seen_count=result.seen,
        new_count=result.new,
        known_count=result.known,
        error_count=result.error_count,
        remote_count=result.remote_count if result.is_whole else None,
        local_count=_count_listed(service) if result.is_whole else None,
        seconds=result.seconds,
        error="" if error is None else _sentence(error)[:300],
    )
    result.calls.save(walk=record)
    WalkRecord.objects.filter(service=service, started_at__lt=started_at - KEEP_RECORDS).delete()
