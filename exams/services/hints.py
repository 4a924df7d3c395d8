"""A notification is only a claim: ask the Cloud whether it lists the submission, for that customer."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from background.leases import Hold, Lease, finish, release
from exams.models import Call, Submission
from exams.services.calls import noted
from exams.services.intake import take_page
from exams.services.states import move_submission, move_submissions
from exams.services.verdicts import Retry, Verdict, is_out_of_patience, judge_data, may_call, pause
from integrations.clarius import errors
from integrations.models import Customer, Link, Service
from integrations.services import circuit
from integrations.services.clients import NoKey, client_for

PARALLEL = 4
CROWDED = timedelta(seconds=2)
MISSED_PASSES = 3
MISSED_FOR = timedelta(hours=24)
KEEP_UNLISTED = timedelta(days=30)
S, H = Submission.State, Submission.Hold
KEY_REFUSED = "Clarius Cloud refuses the API key."
CUSTOMER_REFUSED = "Clarius Cloud refuses to list this customer's exams."
NOT_YET_LISTED = Verdict(Retry.PATIENTLY, "", "")


def confirm_hint(*, submission: Submission, lease: Lease, held: Hold) -> bool:
    """Ask the Cloud about a hint's customer and give the row up; True when it may be fetched at once.

    One call confirms every hint of that customer. Raises LeaseLost.
    """
    customer = Customer.objects.filter(
        service=submission.service, token_digest=submission.hint_digest, links__state=Link.State.CONFIRMED
    ).first()
    if customer is None:
        with transaction.atomic():
            move_submission(pk=submission.pk, to=S.HELD, hold_reason=H.UNLINKED)
            finish(lease=lease)
        return False
    wait = _wait(submission=submission, customer=customer)
    if wait is not None:
        _put_off(lease=lease, wait=wait)
        return False
    try:
        _ask(submission=submission, customer=customer, held=held)
    except errors.KeyRefused as error:
        _meet_refusal(submission=submission, lease=lease, error=error)
        return False
    except (errors.ClariusError, NoKey) as error:
        _try_later(submission=submission, lease=lease, verdict=judge_data(error))
        return False
    return _settle(submission=submission, lease=lease)


def _wait(*, submission: Submission, customer: Customer) -> timedelta | None:
    """Return how long to wait before the Cloud may be asked, or None: then this caller has the turn."""
    if not may_call(service=submission.service):
        return circuit.PROBE_EVERY
    asking = Submission.objects.filter(
        service=submission.service, hold_reason=H.UNCONFIRMED, lease_until__gt=timezone.now()
    )
    if asking.filter(pk__lt=submission.pk).count() >= PARALLEL:
        return CROWDED
    now = timezone.now()
    every = timedelta(seconds=settings.CONFIRM_EVERY_SECONDS)
    turn = Customer.objects.filter(Q(asked_at=None) | Q(asked_at__lte=now - every), pk=customer.pk)
    return None if turn.update(asked_at=now) else every


def _ask(*, submission: Submission, customer: Customer, held: Hold) -> None:
    waiting = Submission.objects.filter(
        service=submission.service, hint_digest=customer.token_digest, customer=None
    )
    with (
        client_for(service=submission.service) as client,
        noted(kind=Call.Kind.CONFIRM, client=client, submission=submission),
    ):
        for page in client.exam_pages(customer_id=customer.token):
            held.check()
            # A Cloud that ignores the filter must not make other customers' rows.
            own = [each for each in page.results if each.customer_id == customer.token]
            take_page(service=submission.service, notifications=own)
            if not waiting.exists():
                return


def _meet_refusal(*, submission: Submission, lease: Lease, error: errors.KeyRefused) -> None:
    is_key = circuit.key_is_refused(service=submission.service)
    if is_key and circuit.is_open(service=submission.service):
        _put_off(lease=lease, wait=circuit.PROBE_EVERY)
        return
    verdict = judge_data(error)
    # Also where the Cloud does not say whether the key works: a minute each time would have no end.
    _try_later(
        submission=submission,
        lease=lease,
        verdict=replace(verdict, reason=KEY_REFUSED if is_key else CUSTOMER_REFUSED),
    )


def _settle(*, submission: Submission, lease: Lease) -> bool:
    fresh = Submission.objects.get(pk=submission.pk)
    if fresh.customer_id is None:
        _try_later(submission=fresh, lease=lease, verdict=NOT_YET_LISTED)
        return False
    # Taking it in made it due already, where it is to be fetched.
    finish(lease=lease)
    return bool(fresh.state == S.RECEIVED)


def _put_off(*, lease: Lease, wait: timedelta) -> None:
    release(
        lease=lease,
        not_before=timezone.now() + wait,
        count_attempt=False,
        first_tried_at=F("first_tried_at"),
    )


def _try_later(*, submission: Submission, lease: Lease, verdict: Verdict) -> None:
    now = timezone.now()
    told = {"failure_reason": verdict.reason, "failure_detail": verdict.detail}
    if is_out_of_patience(submission=submission, now=now):
        # Nobody asks about it any more; the walks will list it, or not.
        finish(lease=lease, **told)
        return
    release(
        lease=lease,
        not_before=pause(now=now, since=submission.not_ready_since, retry_after=verdict.retry_after),
        count_attempt=False,
        not_ready_since=Coalesce(F("not_ready_since"), now),
        **told,
    )


def count_missed_pass(*, service: Service, started_at: object) -> int:
    """After a full pass: hold hints it did not list, purge old ones, and return how many were purged."""
    waiting = Submission.objects.filter(
        service=service, customer=None, state=S.HELD, received_at__lt=started_at
    )
    open_ones = waiting.filter(hold_reason__in=[H.UNCONFIRMED, H.UNLINKED])
    open_ones.update(missed_pass_count=F("missed_pass_count") + 1)
    missed = open_ones.filter(
        missed_pass_count__gte=MISSED_PASSES, received_at__lte=timezone.now() - MISSED_FOR
    )
    move_submissions(missed, to=S.HELD, hold_reason=H.NOT_LISTED, not_before=None)
    old = waiting.filter(hold_reason=H.NOT_LISTED, received_at__lte=timezone.now() - KEEP_UNLISTED)
    return _purge(old)


def cap_hints(*, service: Service) -> int:
    """Keep at most `UNCONFIRMED_LIMIT` hints and return how many were purged, the oldest first.

    Only what a full pass did not list is purged: too many hints make that pass due at once.
    """
    limit = settings.UNCONFIRMED_LIMIT
    waiting = Submission.objects.filter(service=service, customer=None, state=S.HELD)
    if waiting.order_by()[: limit + 1].count() <= limit:
        return 0
    missed = waiting.filter(missed_pass_count__gt=0)
    excess = waiting.count() - limit
    purged = _purge(missed.filter(pk__in=list(missed.order_by("pk").values_list("pk", flat=True)[:excess])))
    if purged < excess:
        Service.objects.filter(pk=service.pk).update(full_poll_due_at=timezone.now())
    return purged


def _purge(rows: QuerySet[Any]) -> int:
    """Delete hints in short transactions, so that no notification waits for them."""
    count = 0
    while pks := list(rows.values_list("pk", flat=True)[: settings.PURGE_BATCH]):
        Submission.objects.filter(pk__in=pks, customer=None).delete()
        count += len(pks)
    return count
