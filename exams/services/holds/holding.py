"""Hold submissions instead of fetching them, resume held ones, and retry failed ones.

The reasons and their sentences are `exams.states.Hold`.
"""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.entries import add_entry
from background.due import schedule
from exams.models import Capture, Submission
from exams.services.transitions import move_captures, move_submissions
from exams.states import CaptureState
from exams.states import Hold as H
from exams.states import SubmissionState as S
from integrations.clarius.egress import Origin, clean_url
from integrations.clarius.errors import BlockedByPolicy
from integrations.models import Link, Service

# Rows read at a time, so that memory stays flat however many wait.
BATCH = 500
# Not the others: a foreign address is never called, and what the Cloud does not list cannot be fetched.
RESUMABLE = (H.BEFORE_START, H.UNLINKED, H.STOPPED)


def hold_for(*, service: Service, is_linked: bool, download_url: str, submitted_at: datetime | None) -> str:
    """Return the reason to hold a submission that the Cloud lists, or an empty string."""
    if not is_linked:
        return H.UNLINKED
    if not is_own_address(service=service, url=download_url):
        return H.FOREIGN_URL
    start = {Service.Take.NEW: service.start, Service.Take.SINCE: service.take_since}.get(
        Service.Take(service.take)
    )
    if start is not None and submitted_at is not None and submitted_at < start:
        return H.BEFORE_START
    return ""


def is_own_address(*, service: Service, url: str) -> bool:
    """Return whether a URL has the service's own origin."""
    if _plain_address(service.base_url).fullmatch(url):
        return True
    try:
        return clean_url(url).origin == _origin(service.base_url)
    except BlockedByPolicy:
        return False


@lru_cache(maxsize=64)
def _plain_address(base_url: str) -> re.Pattern[str]:
    """Match addresses that every parser reads alike, because parsing each URL of a long list takes time."""
    return re.compile(re.escape(str(_origin(base_url))) + r"/[A-Za-z0-9/_-]*")


@lru_cache(maxsize=64)
def _origin(base_url: str) -> Origin:
    return clean_url(base_url).origin


def resume_linked(*, service: Service) -> int:
    """Resume submissions whose customer has been linked since, and return how many changed their state."""
    linked = Link.objects.filter(customer__service=service, state=Link.State.CONFIRMED)
    waiting = Submission.objects.filter(service=service, state=S.HELD, hold_reason=H.UNLINKED)
    count = 0
    confirmed = waiting.filter(customer__in=linked.values("customer"))
    for row in confirmed.only("pk", "download_url", "submitted_at").iterator(chunk_size=BATCH):
        hold = hold_for(
            service=service, is_linked=True, download_url=row.download_url, submitted_at=row.submitted_at
        )
        count += _resume_or_hold(row.pk, hold)
    # The Cloud may now be asked about notifications whose customer was not linked when they came.
    notifications = waiting.filter(customer=None, claimed_digest__in=linked.values("customer__token_digest"))
    for pk in list(notifications.values_list("pk", flat=True)):
        count += _resume_or_hold(pk, H.UNCONFIRMED)
    return count


def _resume_or_hold(pk: int, hold: str) -> int:
    row = Submission.objects.filter(pk=pk, hold_reason=H.UNLINKED)
    with transaction.atomic():
        if hold:
            moved = move_submissions(row, to=S.HELD, hold_reason=hold)
        else:
            moved = move_submissions(row, to=S.RECEIVED)
        if moved and hold in ("", H.UNCONFIRMED):
            schedule(Submission.objects.filter(pk=pk))
    return moved


def resume_submissions(*, queryset: QuerySet[Submission], user: Any, address: str | None) -> int:
    """Resume held submissions, newest first, and return how many; what cannot be fetched stays held."""
    rows = queryset.filter(state=S.HELD, hold_reason__in=RESUMABLE, customer__isnull=False)
    newest_first = list(rows.order_by("-submitted_at", "-id").values_list("pk", flat=True))
    now = timezone.now()
    count = 0
    for place, pk in enumerate(newest_first):
        # The dispatcher takes first what has been due for longest.
        due = now - timedelta(milliseconds=len(newest_first) - place)
        with transaction.atomic():
            row = Submission.objects.filter(pk=pk, hold_reason__in=RESUMABLE)
            if not move_submissions(row, to=S.RECEIVED, resumed_at=now, not_ready_since=None):
                continue
            schedule(Submission.objects.filter(pk=pk), at=due)
            _record_action("submission.resumed", pk, user, address)
        count += 1
    return count


def stop_submissions(*, queryset: QuerySet[Submission], user: Any, address: str | None) -> int:
    """Hold submissions, hidden from reviewers, until someone resumes them, and return how many."""
    count = 0
    for pk in list(queryset.exclude(hold_reason=H.STOPPED).values_list("pk", flat=True)):
        with transaction.atomic():
            row = Submission.objects.filter(pk=pk)
            count += move_submissions(row, to=S.HELD, hold_reason=H.STOPPED, not_before=None)
            _record_action("submission.stopped", pk, user, address)
    return count


def retry_submissions(*, queryset: QuerySet[Submission], user: Any, address: str | None) -> int:
    """Fetch failed submissions again, with fresh attempts, and return how many."""
    count = 0
    for pk in list(queryset.filter(state=S.FAILED).values_list("pk", flat=True)):
        with transaction.atomic():
            if not move_submissions(Submission.objects.filter(pk=pk), to=S.RECEIVED, not_ready_since=None):
                continue
            move_captures(
                Capture.objects.filter(submission=pk, state=CaptureState.FAILED), to=CaptureState.PENDING
            )
            schedule(Submission.objects.filter(pk=pk))
            _record_action("submission.retried", pk, user, address)
        count += 1
    return count


def _record_action(action: str, pk: int, user: Any, address: str | None) -> None:
    target = Submission.objects.only("uuid").get(pk=pk)
    add_entry(action=action, actor=user, target=target, address=address)
