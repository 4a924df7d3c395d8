"""Tell the Cloud that an account holds a customer's token; retried until it answers."""

from django.db import transaction
from django.utils import timezone

from audit.record import record
from background.backoff import next_attempt
from background.leases import MAX_ATTEMPTS, Lease, LeaseLost, acquire, finish, holding, release
from integrations.clarius import errors
from integrations.models import Link
from integrations.services import circuit
from integrations.services.clients import NoKey, client_for

DEADLINE_SECONDS = 60


def confirm_link(*, pk: int) -> None:
    """Confirm one pending link at the Cloud; does nothing when somebody else holds the lease."""
    lease = acquire(model=Link, pk=pk)
    if lease is None:
        return
    link = Link.objects.select_related("customer__service").get(pk=pk)
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS):
            _confirm(link=link, lease=lease)
    except LeaseLost:
        return


def _confirm(*, link: Link, lease: Lease) -> None:
    service = link.customer.service
    now = timezone.now()
    if link.state != Link.State.PENDING:
        finish(lease=lease)
        return
    if circuit.is_open(service=service):
        release(lease=lease, not_before=now + circuit.PROBE_EVERY, count_attempt=False)
        return
    try:
        client_for(service=service).confirm_customer(token=link.customer.token)
    except errors.NotFound:
        _reject(link=link, lease=lease, reason="Clarius Cloud does not know this customer.")
    except errors.KeyRefused:
        circuit.key_is_refused(service=service)
        release(lease=lease, not_before=timezone.now() + circuit.PROBE_EVERY, count_attempt=False)
    except (errors.ClariusError, NoKey) as error:
        _retry_or_reject(link=link, lease=lease, error=error)
    else:
        with transaction.atomic():
            finish(lease=lease, state=Link.State.CONFIRMED, confirmed_at=timezone.now(), reason="", detail="")
            record(action="link.confirmed", target=link)
            # The exams that waited for somebody to hold this customer are found by the next poll.
            type(service).objects.filter(pk=service.pk).update(
                not_before=timezone.now(), full_poll_due_at=timezone.now()
            )


def _retry_or_reject(*, link: Link, lease: Lease, error: Exception) -> None:
    is_retryable = getattr(error, "retryable", True)
    if lease.attempt >= MAX_ATTEMPTS and not is_retryable:
        _reject(link=link, lease=lease, reason="Clarius Cloud did not accept this customer.")
        return
    release(
        lease=lease,
        not_before=next_attempt(
            now=timezone.now(), attempt=lease.attempt, retry_after=getattr(error, "retry_after", None)
        ),
        count_attempt=not is_retryable,
        reason="Clarius Cloud cannot be reached; the portal tries again by itself.",
        detail=type(error).__name__,
    )


def _reject(*, link: Link, lease: Lease, reason: str) -> None:
    with transaction.atomic():
        finish(lease=lease, state=Link.State.REJECTED, reason=reason, ended_at=timezone.now())
        record(action="link.rejected", outcome="not_found", target=link)
