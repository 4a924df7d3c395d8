"""Tell the Cloud that an account holds a customer's token; retried until it answers."""

import math
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.record import record
from background.backoff import next_attempt
from background.jobs import schedule
from background.leases import (
    MAX_ATTEMPTS,
    DeadlineExceeded,
    Lease,
    LeaseLost,
    acquire,
    finish,
    holding,
    release,
)
from integrations.clarius import errors
from integrations.models import Customer, Link, Service
from integrations.services import circuit
from integrations.services.clients import NoKey, client_for
from integrations.services.reconciliation import tell_gone
from integrations.services.states import NotAllowed, move_link

DEADLINE_SECONDS = 60
PAUSED = timedelta(minutes=5)
AWAY = "Clarius Cloud cannot be reached; the portal tries again by itself."
UNKNOWN = "Clarius Cloud does not know this customer."
NOT_ACCEPTED = "Clarius Cloud did not accept this customer."


def confirm_link(*, pk: int) -> None:
    """Confirm one link at the Cloud; does nothing when it is not due or somebody else holds the lease."""
    lease = acquire(model=Link, pk=pk)
    if lease is None:
        return
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS):
            _confirm(lease=lease)
    except (LeaseLost, DeadlineExceeded):
        return


def _confirm(*, lease: Lease) -> None:
    link = Link.objects.select_related("customer__service").get(pk=lease.pk)
    service = link.customer.service
    if link.state not in Link.ACTIVE:
        finish(lease=lease)
    elif lease.attempt > MAX_ATTEMPTS:
        # No worker lived to write down an answer, so a confirmed link has nothing to say about it.
        _stop(link=link, lease=lease, reason="")
    elif not service.is_active:
        _put_off(lease=lease, until=timezone.now() + PAUSED, count_attempt=False)
    elif circuit.is_open(service=service):
        _wait(lease=lease, until=timezone.now() + circuit.PROBE_EVERY, detail="key refused")
    else:
        _ask(link=link, lease=lease)


def _ask(*, link: Link, lease: Lease) -> None:
    service = link.customer.service
    try:
        with client_for(service=service) as client:
            client.confirm_customer(token=link.customer.token)
    except errors.NotFound:
        _end(link=link, lease=lease, reason=UNKNOWN)
    except errors.KeyRefused as error:
        if circuit.key_is_refused(service=service):
            _wait(lease=lease, until=timezone.now() + circuit.PROBE_EVERY, detail="key refused")
        else:
            _count(link=link, lease=lease, error=error)
    except NoKey:
        _wait(lease=lease, until=timezone.now() + circuit.PROBE_EVERY, detail="no usable key")
    except errors.ClariusError as error:
        # Of these only a plain refusal is about the customer; a redirect or a forbidden address is not.
        if isinstance(error, errors.Rejected) and not error.retryable:
            _count(link=link, lease=lease, error=error)
        else:
            _wait(lease=lease, until=_next_try(link=link, error=error), detail=_describe(error))
    else:
        _succeed(link=link, lease=lease)


def _succeed(*, link: Link, lease: Lease) -> None:
    if link.state == Link.State.CONFIRMED:
        with transaction.atomic():
            told = {"reason": "", "detail": ""} if _is_active(lease=lease) else {}
            finish(lease=lease, **told)
            _forget_missed(link=link)
        return
    try:
        with transaction.atomic():
            accept_link(link=link, lease=lease)
    except NotAllowed:
        # Unlinked while the Cloud was asked: that stands.
        finish(lease=lease)


def accept_link(*, link: Link, lease: Lease | None = None) -> None:
    """Take over that the Cloud confirmed a pending link; call it in a transaction. Raises NotAllowed."""
    move_link(pk=link.pk, to=Link.State.CONFIRMED, lease=lease, reason="", detail="")
    record(action="link.confirmed", target=link)
    _forget_missed(link=link)
    # The exams that waited for somebody to hold this customer are found by the next poll.
    service_pk = link.customer.service_id
    Service.objects.filter(pk=service_pk).update(full_poll_due_at=timezone.now())
    schedule(model=Service, pk=service_pk)


def _forget_missed(*, link: Link) -> None:
    """Let the walks that did not list the customer count no more, now that the Cloud has confirmed it."""
    Customer.objects.filter(pk=link.customer_id).update(missed_walk_count=0, missed_at=None)


def _end(*, link: Link, lease: Lease, reason: str) -> None:
    to = Link.State.GONE if link.state == Link.State.CONFIRMED else Link.State.REJECTED
    try:
        with transaction.atomic():
            move_link(pk=link.pk, to=to, lease=lease, reason=reason, detail="")
            record(action=f"link.{to}", outcome="not_found", target=link)
            if to == Link.State.GONE:
                tell_gone(link=link)
    except NotAllowed:
        finish(lease=lease)


def _stop(*, link: Link, lease: Lease, reason: str, detail: str = "") -> None:
    """Ask no more: a pending link is rejected, a confirmed one stands until its customer is unknown."""
    if link.state == Link.State.PENDING:
        _end(link=link, lease=lease, reason=NOT_ACCEPTED)
        return
    with transaction.atomic():
        told = {"reason": reason, "detail": detail} if _is_active(lease=lease) else {}
        finish(lease=lease, **told)


def _wait(*, lease: Lease, until: datetime, detail: str) -> None:
    # The Cloud said nothing about this customer, so the attempt does not count.
    _put_off(lease=lease, until=until, count_attempt=False, reason=AWAY, detail=detail)


def _count(*, link: Link, lease: Lease, error: errors.ClariusError) -> None:
    if lease.attempt >= MAX_ATTEMPTS:
        _stop(link=link, lease=lease, reason=NOT_ACCEPTED, detail=_describe(error))
        return
    until = next_attempt(now=timezone.now(), attempt=lease.attempt, retry_after=error.retry_after)
    _put_off(lease=lease, until=until, reason=NOT_ACCEPTED, detail=_describe(error))


def _put_off(*, lease: Lease, until: datetime, **changes: Any) -> None:
    """Give the link back for later; one that was ended meanwhile keeps the reason of that."""
    with transaction.atomic():
        if _is_active(lease=lease):
            release(lease=lease, not_before=until, **changes)
        else:
            finish(lease=lease)


def _is_active(*, lease: Lease) -> bool:
    """Tell whether the link still stands, and keep it so until the end of the transaction."""
    return Link.objects.select_for_update().filter(pk=lease.pk, state__in=Link.ACTIVE).exists()


def _next_try(*, link: Link, error: errors.ClariusError) -> datetime:
    """Back off by the link's age, since attempts that do not count cannot be counted."""
    now = timezone.now()
    age = max((now - link.created_at).total_seconds() / settings.RETRY_BASE_SECONDS, 1.0)
    return next_attempt(now=now, attempt=1 + int(math.log2(age)), retry_after=error.retry_after)


def _describe(error: errors.ClariusError) -> str:
    status = f" {error.status}" if error.status else ""
    return f"{type(error).__name__}{status}: {error.message}"
