"""Link portal accounts to customers, check the links again, and end them."""

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.services.alerts import alert_administrators
from audit.entries import add_entries, add_entry
from background.due import from_now, schedule
from background.mail import queue_mail
from foundation.crypto import lookup_digest
from integrations.models import Customer, Link, Service
from integrations.services.linking.transitions import NotAllowed, move_link, unlink_all


class Outcome(StrEnum):
    """The outcome of an attempt to link."""

    CONFIRMING = "confirming"
    ALREADY_YOURS = "already_yours"
    REFUSED = "refused"


Reason = Link.Reason
# The audit actions for the two reasons for which an owner ends a link.
_ACTIONS = {Reason.BY_OWNER: "link.ended", Reason.DISPUTED: "link.disputed"}


@dataclass(frozen=True)
class Linking:
    """The outcome, and the link where the account may see it."""

    outcome: Outcome
    link: Link | None = None


def find_link(*, service: Service, token: str, user: User) -> Link | None:
    """Return the account's own active link to this token, or None; reveals nothing of other accounts."""
    customers = Customer.objects.filter(service=service, token_digest=lookup_digest(token))
    return Link.objects.active().with_customer().filter(user=user, customer__in=customers).first()


def link_customer(
    *, service: Service, token: str, user: User, label: str = "", institution: str = "", address: str | None
) -> Linking:
    """Link `user` to `token`, pending until the Cloud confirms; refused if another account holds it."""
    customer, _ = Customer.objects.get_or_create(
        service=service, token_digest=lookup_digest(token), defaults={"token": token}
    )
    held = Link.objects.active().filter(customer=customer).first()
    if held is None:
        try:
            link = _make_link(
                customer=customer, user=user, label=label, institution=institution, address=address
            )
            return Linking(Outcome.CONFIRMING, link)
        except IntegrityError:
            # Another request linked the token since the query; any other violation is raised again.
            held = Link.objects.active().filter(customer=customer).first()
            if held is None:
                raise
    if held.user_id == user.pk:
        return Linking(Outcome.ALREADY_YOURS, held)
    _refuse(customer=customer, user=user, address=address)
    return Linking(Outcome.REFUSED)


def _make_link(*, customer: Customer, user: User, label: str, institution: str, address: str | None) -> Link:
    with transaction.atomic():
        link = Link.objects.create(
            customer=customer, user=user, label=label, institution=institution, not_before=from_now()
        )
        add_entry(action="link.created", actor=user, target=link, address=address)
        _mail_new_link(link=link, service=customer.service)
    return link


def _refuse(*, customer: Customer, user: User, address: str | None) -> None:
    with transaction.atomic():
        add_entry(action="link.refused", outcome="refused", actor=user, target=customer, address=address)
        alert_administrators(
            subject="Another account tried to connect a linked customer",
            body=(
                f"Customer {customer.uuid} of {customer.service.name} stays linked to its account. "
                "The portal refused the other account and gave it no reason.\nThe audit log has link.refused."
            ),
        )


def _mail_new_link(*, link: Link, service: Service) -> None:
    queue_mail(
        recipient=link.user.email,
        subject=f"Your account is being connected to {service.name}",
        body=(
            f"Your portal account is being connected to a Clarius Cloud account for {service.name}.\n"
            "The portal will show you the exams that this account submits.\n\n"
            "If this was not you, open the page below and confirm. The portal suspends the link at once\n"
            f"and notifies the administrators.\n\n{settings.PUBLIC_URL}/links/{link.uuid}/not-me/\n"
        ),
    )


def unlink(*, link: Link, user: User, address: str | None, reason: Reason = Reason.BY_OWNER) -> bool:
    """End the link in the portal, since the Cloud has no call for it; False if it had ended before.

    The account no longer sees the customer's exams, and nothing is deleted. Exams that arrive later, and
    those still being fetched, are held as unlinked until somebody links the customer again.
    """
    try:
        with transaction.atomic():
            move_link(pk=link.pk, to=Link.State.UNLINKED, reason=reason)
            add_entry(action=_ACTIONS[reason], actor=user, target=link, address=address)
            if reason == Reason.DISPUTED:
                alert_administrators(
                    subject="An account holder did not create a link",
                    body=f"The holder reported link {link.uuid}. It is suspended and shows no exams.",
                )
    except NotAllowed:
        return False
    return True


def suspend_links(*, queryset: QuerySet[Link], user: User, address: str | None) -> int:
    """End the active ones of these links in one step, and return how many there were."""
    with transaction.atomic():
        ended = unlink_all(links=Link.objects.filter(pk__in=queryset.values("pk")), reason=Reason.SUSPENDED)
        add_entries(action="link.suspended", targets=ended, actor=user, address=address)
    return len(ended)


def check_again(*, queryset: QuerySet[Link], user: User, address: str | None) -> int:
    """Make the confirmation of the active links due now, and return how many there are."""
    with transaction.atomic():
        active = list(queryset.filter(state__in=Link.ACTIVE).select_for_update().order_by("pk"))
        schedule(Link.objects.filter(pk__in=[link.pk for link in active]))
        add_entries(action="link.checked", targets=active, actor=user, address=address)
    return len(active)
