"""Confirm notifications: only the Cloud's own list shows that a submission belongs to a customer."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from background.backoff import Backoff
from background.leases import Hold
from background.runner import Done, Later, Outcome
from exams.models import Call, Submission
from exams.services.calls import logged_call
from exams.services.intake._listed import take_page
from exams.services.rules import CONFIRM_RULES, PATIENCE
from exams.services.transitions import move_submission, move_submissions
from exams.states import Hold as H
from exams.states import SubmissionState as S
from integrations.clock import note_clock
from integrations.cloud import CloudProblem, cloud, require_open
from integrations.models import Customer, Link, Service

# Customers of a service that are asked about at a time: many notifications must not become many calls.
PARALLEL = 4
# Until then, one of the calls has probably ended.
CROWDED = timedelta(seconds=2)
# A single pass may miss a submission that the Cloud was just adding, so it takes several, over a day.
MISSED_PASSES = 3
MISSED_FOR = timedelta(hours=24)
# Administrators can look at what was never listed for as long as this.
KEEP_UNLISTED = timedelta(days=30)


def confirm_notification(*, submission: Submission, hold: Hold) -> Outcome:
    """List the exams of the customer whom a notification names; one list confirms all of their notifications.

    Raises LeaseLost.
    """
    customer = Customer.objects.filter(
        service=submission.service, token_digest=submission.claimed_digest, links__state=Link.State.CONFIRMED
    ).first()
    if customer is None:
        return Done(effect=lambda: move_submission(pk=submission.pk, to=S.HELD, hold_reason=H.UNLINKED))
    try:
        require_open(submission.service)
        wait = _time_to_wait(submission=submission, customer=customer)
        if wait is not None:
            return Later(wait)
        _list_customer(submission=submission, customer=customer, hold=hold)
    except CloudProblem as problem:
        if problem.is_away:
            return problem.later()
        return _retry_while_patient(
            submission, problem.retry_after, failure_reason=problem.code, failure_detail=problem.detail
        )
    fresh = Submission.objects.get(pk=submission.pk)
    if fresh.customer_id is None:
        return _retry_while_patient(fresh, None, failure_reason="", failure_detail="")
    # Confirming it has made it due already if it is to be fetched.
    return Done(at_once=fresh.state == S.RECEIVED)


def _time_to_wait(*, submission: Submission, customer: Customer) -> timedelta | None:
    """Return how long to wait before asking the Cloud, or None if this caller may ask now."""
    asking = Submission.objects.filter(
        service=submission.service, hold_reason=H.UNCONFIRMED, lease_until__gt=timezone.now()
    )
    if asking.filter(pk__lt=submission.pk).count() >= PARALLEL:
        return CROWDED
    now = timezone.now()
    every = timedelta(seconds=settings.CONFIRM_EVERY_SECONDS)
    # One statement, so that of several workers only one may ask.
    due = Customer.objects.filter(Q(asked_at=None) | Q(asked_at__lte=now - every), pk=customer.pk)
    return None if due.update(asked_at=now) else every


def _list_customer(*, submission: Submission, customer: Customer, hold: Hold) -> None:
    waiting = Submission.objects.filter(
        service=submission.service, claimed_digest=customer.token_digest, customer=None
    )
    # Read before the call: inside, a token that cannot be decrypted would be taken for a missing API key.
    token = customer.token
    with (
        cloud(submission.service, rules=CONFIRM_RULES) as client,
        logged_call(
            kind=Call.Kind.CONFIRM, client=client, rules=CONFIRM_RULES, submission=submission
        ) as call,
    ):
        for page in client.exam_pages(customer_id=token):
            hold.check()
            note_clock(service=submission.service, client=client)
            # A Cloud that ignores the filter must not make other customers' rows.
            own = [each for each in page.results if each.customer_id == token]
            take_page(service=submission.service, notifications=own)
            if not waiting.exists():
                break
        is_listed = not waiting.filter(pk=submission.pk).exists()
        call.message = "Clarius Cloud lists it." if is_listed else "Clarius Cloud does not list it."


def _retry_while_patient(submission: Submission, retry_after: timedelta | None, **failure: str) -> Outcome:
    now = timezone.now()
    since = submission.not_ready_since or now
    if now - since >= PATIENCE:
        # It is not asked about any more; a poll run confirms it if the Cloud lists it.
        return Done(failure)
    waiting_since = {"not_ready_since": Coalesce(F("not_ready_since"), now)}
    return Later(Backoff(retry_after, tried_for=now - since), changes=failure | waiting_since)


def count_missed_pass(*, service: Service, started_at: object) -> int:
    """Count a full pass that did not list some notifications, and return how many old ones were deleted.

    What several passes over a day did not list is held as not listed.
    """
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
    return _delete_in_batches(old)


def cap_unconfirmed(*, service: Service) -> int:
    """Keep at most `UNCONFIRMED_LIMIT` unconfirmed notifications; delete the oldest and return how many.

    Only those that a full pass did not list are deleted: too many notifications make that pass due at once.
    """
    limit = settings.UNCONFIRMED_LIMIT
    waiting = Submission.objects.filter(service=service, customer=None, state=S.HELD)
    if waiting.order_by()[: limit + 1].count() <= limit:
        return 0
    missed = waiting.filter(missed_pass_count__gt=0)
    excess = waiting.count() - limit
    oldest = list(missed.order_by("pk").values_list("pk", flat=True)[:excess])
    count = _delete_in_batches(missed.filter(pk__in=oldest))
    if count < excess:
        Service.objects.filter(pk=service.pk).update(full_poll_due_at=timezone.now())
    return count


def _delete_in_batches(rows: QuerySet[Any]) -> int:
    """Delete notifications in short transactions, so that a new one never waits for them."""
    count = 0
    while pks := list(rows.values_list("pk", flat=True)[: settings.PURGE_BATCH]):
        Submission.objects.filter(pk__in=pks, customer=None).delete()
        count += len(pks)
    return count
