"""Confirm to the Cloud that an account holds a customer's token; retried until the Cloud answers."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from background.due import schedule
from background.leases import Hold
from background.mail import queue_mail
from background.runner import Done, Job, Later, Outcome
from integrations.clarius import errors
from integrations.cloud import CloudProblem, Code, Means, Rule, cloud
from integrations.models import Customer, Link, Service
from integrations.services.linking.transitions import NotAllowed, move_link

Reason = Link.Reason
# Only a plain refusal is about the customer; a redirect or a blocked address is not.
RULES = (
    Rule(errors.NotFound, Means.NEVER, Code.OTHER),
    Rule(errors.Rejected, Means.WAIT, Code.OTHER, status=frozenset({408, 425})),
    Rule((errors.KeyRefused, errors.Rejected), Means.COUNT, Code.OTHER),
    Rule(errors.ClariusError, Means.WAIT, Code.OTHER),
)


def _confirm(link: Link, hold: Hold) -> Outcome:
    """Confirm one link at the Cloud; raises CannotDecrypt for its token."""
    # Read before the call: inside, a token that cannot be decrypted would be taken for a missing API key.
    token = link.customer.token
    try:
        with cloud(link.customer.service, rules=RULES) as client:
            client.confirm_customer(token=token)
    except CloudProblem as problem:
        if problem.means == Means.NEVER:
            return Done(effect=partial(_refuse, link, reason=Reason.UNKNOWN))
        if problem.code == Code.PAUSED:
            return problem.later()
        reason = Reason.NOT_ACCEPTED if problem.means == Means.COUNT else Reason.CLOUD_AWAY
        return problem.later(reason=reason, detail=f"{problem.kind}: {problem}")
    store = _forget_missed if link.state == Link.State.CONFIRMED else accept_link
    return Done({"reason": "", "detail": ""}, effect=partial(store, link=link))


def accept_link(*, link: Link) -> None:
    """Store that the Cloud confirmed a pending link; call it in a transaction. Raises NotAllowed."""
    _take_over_labels(link)
    move_link(pk=link.pk, to=Link.State.CONFIRMED, reason="", detail="")
    add_entry(action="link.confirmed", target=link)
    User.objects.filter(pk=link.user_id).update(is_provisional=False)
    _forget_missed(link=link)
    # The next full poll finds the exams that were held because nobody was linked to this customer.
    service_pk = link.customer.service_id
    Service.objects.filter(pk=service_pk).update(full_poll_due_at=timezone.now())
    schedule(Service.objects.filter(pk=service_pk))


def _take_over_labels(link: Link) -> None:
    """Give the customer the labels that the account entered; those of another account are not kept."""
    former = Link.objects.filter(customer=link.customer_id, confirmed_at__isnull=False)
    last = former.exclude(pk=link.pk).order_by("-confirmed_at").first()
    kept = link.customer if last is None or last.user_id == link.user_id else Customer()
    Customer.objects.filter(pk=link.customer_id).update(
        label=link.label or kept.label, institution=link.institution or kept.institution
    )


def _forget_missed(*, link: Link) -> None:
    """Reset the count of syncs that did not list the customer, since the Cloud has confirmed it."""
    Customer.objects.filter(pk=link.customer_id).update(missed_sync_count=0, missed_at=None)


def end_link(*, link: Link, reason: Reason, outcome: str = "ok") -> str:
    """End an active link: it is gone if it was confirmed, else rejected; returns the new state.

    Call it in a transaction. Raises NotAllowed.
    """
    to = Link.State.GONE if link.state == Link.State.CONFIRMED else Link.State.REJECTED
    move_link(pk=link.pk, to=to, reason=reason, detail="")
    add_entry(action=f"link.{to}", outcome=outcome, target=link)
    return to


def _refuse(link: Link, *, reason: Reason) -> None:
    if end_link(link=link, reason=reason, outcome="not_found") == Link.State.GONE:
        mail_gone(link=link)


def _stop(link: Link, hold: Hold, last: Later | None) -> Done:
    """Stop trying: a pending link is rejected, a confirmed one stays until the Cloud does not know it."""
    if link.state == Link.State.PENDING:
        return Done(effect=partial(_refuse, link, reason=Reason.NOT_ACCEPTED))
    # If every worker died before it had an answer, the link stores no reason.
    nothing: Mapping[str, Any] = {"reason": "", "detail": ""}
    return Done(nothing if last is None else last.changes)


def _is_active(link: Link) -> bool:
    """Tell whether the link is still active, and lock it until the end of the transaction."""
    return Link.objects.select_for_update().filter(pk=link.pk, state__in=Link.ACTIVE).exists()


def mail_gone(*, link: Link) -> None:
    """Mail the account whose link ended because the Cloud no longer lists its customer."""
    name = link.customer.service.name
    queue_mail(
        recipient=link.user.email,
        subject=f"Your connection to {name} has ended",
        body=(
            f"Clarius Cloud no longer lists your account as a user of {name}. Your portal account no longer\n"
            "shows its exams. Nothing was deleted. To connect again, open the service in Clarius Cloud and\n"
            "press Connect.\n"
        ),
    )


CONFIRM = Job(
    name="integrations.confirm_link",
    model=Link,
    work=_confirm,
    waits_for="customer__service",
    related=("customer__service",),
    # One call, and those that try the other keys after a refusal.
    deadline=timedelta(minutes=1),
    applies=lambda link: link.state in Link.ACTIVE,
    exhausted=_stop,
    # A link that was ended during the call stays ended and keeps its reason.
    guard=_is_active,
    gone=(NotAllowed,),
    is_urgent=True,
)
