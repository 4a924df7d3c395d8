"""Read the Cloud's list, the only source of truth about what was submitted."""

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from background.backoff import Backoff
from background.due import schedule
from background.leases import DeadlineExceeded, Hold, LeaseLost
from background.runner import Done, Job, Later, Outcome, run
from exams.models import PollRun, Submission
from exams.services.calls import PageCalls
from exams.services.holds.holding import resume_linked
from exams.services.intake._listed import analyze_tables, take_page
from exams.services.intake.confirmation import cap_unconfirmed, count_missed_pass
from integrations.clarius import errors
from integrations.clock import note_clock
from integrations.cloud import CloudProblem, Code, cloud
from integrations.models import Service

# The list is newest first, so after this many pages without a new row the rest is known as well.
KNOWN_PAGES = 2
# After this many new rows in one poll run, the database's statistics may be wrong.
MANY_NEW = 1000
# Poll runs are kept as long as their calls.
KEEP_RUNS = timedelta(days=30)
# The largest number that the column takes; the Cloud may send any.
LARGEST_COUNT = 2**31 - 1
# Items of one run whose faults are described; all of them are counted.
UNREAD_KEPT = 20
TOO_LONG = "The poll run took too long."


def poll_now(*, service: Service, is_full: bool) -> PollRun | None:
    """Poll in this process; return None if that failed (see `last_error`) or another worker is polling."""
    rows = Service.objects.filter(pk=service.pk)
    if is_full:
        rows.update(full_poll_due_at=timezone.now())
    schedule(rows)
    before = PollRun.objects.filter(service=service).first()
    if not isinstance(run(POLL, pk=service.pk), Done):
        return None
    poll_run = PollRun.objects.filter(service=service).first()
    return poll_run if poll_run != before else None


def _poll(service: Service, hold: Hold) -> Outcome:
    poll_run = PollRun(
        service=service,
        started_at=timezone.now(),
        # After an interrupted attempt, known pages at the top say nothing about those below.
        is_full=hold.attempt > 1 or _is_full_due(service),
    )
    calls = PageCalls()
    try:
        resume_linked(service=service)
        _read_pages(poll_run, calls=calls, hold=hold)
    except CloudProblem as problem:
        if problem.error is None:
            # Nothing was asked: the service is paused, or no key works.
            return problem.later()
        sentence = getattr(problem.error, "message", str(problem))
        _save_run(poll_run, calls=calls, error=sentence)
        # The circuit reports a refused key.
        return problem.later(**({} if problem.code == Code.KEY_REFUSED else _failure_columns(sentence)))
    except DeadlineExceeded:
        _save_run(poll_run, calls=calls, error=TOO_LONG)
        return Later(Backoff(), counts=True, changes=_failure_columns(TOO_LONG))
    except LeaseLost:
        # A process that stops counts no attempt, so nothing else would make the next run read to the end.
        _want_full_poll(poll_run)
        raise
    _save_run(poll_run, calls=calls)
    if _shows_what_is_missing(poll_run):
        count_missed_pass(service=service, started_at=poll_run.started_at)
    cap_unconfirmed(service=service)
    return Done(effect=lambda: _next_poll(service, poll_run))


def _shows_what_is_missing(poll_run: PollRun) -> bool:
    # An empty list where there were exams before is a fault of the Cloud, and what could not be read may be
    # what is missed: neither counts against a notification.
    has_rows = poll_run.seen_count or not _listed_submissions(poll_run.service).exists()
    return bool(poll_run.is_whole and has_rows and not poll_run.error_count)


def _describe(error: errors.ProtocolError) -> str:
    return f"{error.message} ({error.detail})" if error.detail else error.message


def _read_pages(poll_run: PollRun, *, calls: PageCalls, hold: Hold) -> None:
    """Read and store the list page by page; stop after known pages unless the run is full."""
    service, started, known_pages = poll_run.service, time.monotonic(), 0
    with cloud(service) as client:
        for page in calls.log_pages(client.exam_pages(), client=client):
            hold.check()
            note_clock(service=service, client=client)
            taken = take_page(service=service, notifications=page.results)
            poll_run.page_count += 1
            poll_run.seen_count += len(page.results)
            if poll_run.new_count < MANY_NEW <= poll_run.new_count + taken.new:
                analyze_tables()
            poll_run.new_count += taken.new
            poll_run.known_count += taken.known
            poll_run.error_count += len(page.faulty)
            poll_run.unread += [_describe(each) for each in page.faulty][: UNREAD_KEPT - len(poll_run.unread)]
            poll_run.remote_count = page.count if page.count is None else min(page.count, LARGEST_COUNT)
            poll_run.seconds = time.monotonic() - started
            known_pages = known_pages + 1 if not taken.new else 0
            if not poll_run.is_full and known_pages >= KNOWN_PAGES:
                return
    poll_run.is_whole = True


def _is_full_due(service: Service) -> bool:
    now = timezone.now()
    if service.full_poll_due_at is None or service.full_poll_due_at <= now:
        return True
    # After an outage the newest pages alone may not hold everything that is new.
    outage = now - 2 * timedelta(minutes=settings.POLL_MINUTES)
    return service.polled_at is None or service.polled_at < outage


def _next_poll(service: Service, poll_run: PollRun) -> dict[str, Any]:
    now = timezone.now()
    due = service.full_poll_due_at
    current = Service.objects.select_for_update().get(pk=service.pk)
    changes: dict[str, Any] = {"polled_at": now, "remote_count": poll_run.remote_count}
    changes["clock_offset"] = service.clock_offset
    changes |= {"last_error": "", "last_error_at": None}
    if poll_run.is_whole:
        changes["full_polled_at"] = now
        due = now + timedelta(hours=settings.FULL_POLL_HOURS)
    if current.full_poll_due_at != service.full_poll_due_at:
        # Someone asked for a full pass while this run was under way.
        due = current.full_poll_due_at
    soon = now + timedelta(minutes=settings.POLL_MINUTES)
    return changes | {"full_poll_due_at": due, "not_before": min(soon, due) if due is not None else soon}


def _failure_columns(sentence: str) -> dict[str, Any]:
    return {"last_error": sentence, "last_error_at": timezone.now()}


def _want_full_poll(poll_run: PollRun) -> None:
    if poll_run.new_count:
        Service.objects.filter(pk=poll_run.service_id).update(full_poll_due_at=timezone.now())


def _listed_submissions(service: Service) -> QuerySet[Submission]:
    return Submission.objects.filter(service=service, polled_at__isnull=False)


def _save_run(poll_run: PollRun, *, calls: PageCalls, error: str = "") -> None:
    if error:
        _want_full_poll(poll_run)
    poll_run.error = error[:300]
    poll_run.is_complete = not error
    if poll_run.is_whole:
        poll_run.local_count = _listed_submissions(poll_run.service).count()
    poll_run.save()
    calls.save(poll_run=poll_run)
    old = poll_run.started_at - KEEP_RUNS
    PollRun.objects.filter(service=poll_run.service, started_at__lt=old).delete()


POLL = Job(
    name="exams.poll_service",
    model=Service,
    work=_poll,
    waits_for="pk",
    # A first poll of 100,000 exams takes minutes. After an hour the run begins again, as a full pass.
    deadline=timedelta(hours=1),
    # Polling never gives up: exams that no notification named are found only in the list.
    tries=None,
    applies=lambda service: service.is_active,
)
