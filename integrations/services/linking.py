"""A portal account takes a customer's token: link, confirm at the Cloud, unlink."""

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from audit.record import record
from background.jobs import schedule
from background.mail import queue_mail
from integrations.encryption import lookup_digest
from integrations.models import Customer, Link, Service


class Outcome(StrEnum):
    """What became of a wish to link."""

    LINKED = "linked"
    CONFIRMING = "confirming"
    ALREADY_YOURS = "already_yours"
    REFUSED = "refused"


@dataclass(frozen=True)
class Linking:
    """The outcome, and the link where there is one."""

    outcome: Outcome
    link: Link | None = None


def link_customer(
    *, service: Service, token: str, user: User, label: str = "", institution: str = "", address: str | None
) -> Linking:
    """Let `user` hold `token`, pending until the Cloud confirms; a token that another account holds is refused."""
    digest = lookup_digest(token)
    try:
        with transaction.atomic():
            customer, _ = Customer.objects.get_or_create(
                service=service, token_digest=digest, defaults={"token": token}
            )
            held = Link.objects.filter(customer=customer, state__in=Link.ACTIVE).first()
            if held is not None:
                return _answer_held(held=held, user=user, address=address)
            Customer.objects.filter(pk=customer.pk).update(
                label=label or customer.label, institution=institution or customer.institution
            )
            link = Link.objects.create(customer=customer, user=user, not_before=timezone.now())
            record(action="link.created", actor=user, target=link, address=address)
            _announce(link=link, service=service)
    except IntegrityError:
        # Somebody else took the token between the look and the insert.
        held = Link.objects.get(
            customer__token_digest=digest, customer__service=service, state__in=Link.ACTIVE
        )
        return _answer_held(held=held, user=user, address=address)
    return Linking(Outcome.CONFIRMING, link)


def _answer_held(*, held: Link, user: User, address: str | None) -> Linking:
    if held.user_id == user.pk:
        return Linking(Outcome.ALREADY_YOURS, held)
    record(action="link.refused", outcome="refused", actor=user, target=held.customer, address=address)
    return Linking(Outcome.REFUSED)


def _announce(*, link: Link, service: Service) -> None:
    queue_mail(
        recipient=link.user.email,
        subject=f"Your account was linked to {service.name}",
        body=(
            f"Your portal account is now linked to a Clarius Cloud account for {service.name}.\n"
            "Exams that are submitted there will be shown to you here.\n\n"
            "This was not me: open the page below and confirm; the link is suspended at once\n"
            f"and the administrators are told.\n\n{settings.PUBLIC_URL}/links/{link.uuid}/not-me/\n"
        ),
    )


def unlink(*, link: Link, user: User, address: str | None, is_dispute: bool = False) -> None:
    """End the link here; the Cloud has no such call. A dispute also tells the administrators."""
    reason = "Reported as not made by the account's owner." if is_dispute else "Unlinked by its owner."
    now = timezone.now()
    with transaction.atomic():
        ended = Link.objects.filter(pk=link.pk, state__in=Link.ACTIVE).update(
            state=Link.State.UNLINKED, reason=reason, ended_at=now, not_before=None
        )
        if not ended:
            return
        record(
            action="link.disputed" if is_dispute else "link.ended", actor=user, target=link, address=address
        )
        if is_dispute:
            for recipient in settings.ALERT_EMAILS:
                queue_mail(
                    recipient=recipient,
                    subject="A link was reported as not made by its owner",
                    body=f"Link {link.uuid} is suspended. See {settings.PUBLIC_URL}/admin/\n",
                )


def check_again(*, link: Link) -> None:
    """Ask the Cloud now about a pending link."""
    schedule(model=Link, pk=link.pk)
