"""Actions of administrators on a customer: describe, confirm again, mark as gone, transfer, invite."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Grant, User
from accounts.services.grants import CannotGrant, ask_for, makes
from accounts.services.invitations import create_invitation, make_invitation_url
from audit.entries import add_entry
from background.due import from_now
from background.mail import queue_mail
from integrations.cloud import PAGE, CloudProblem, cloud
from integrations.models import Customer, Link
from integrations.services.changing import NotDone
from integrations.services.linking.confirmation import accept_link, end_link, mail_gone
from integrations.services.linking.transitions import NotAllowed, move_link

State = Link.State
Reason = Link.Reason
ENDED = "Its link has ended, and its account was notified by mail."

# A button that is pressed twice sends one mail.
INVITED_TWICE = timedelta(minutes=1)


def active_link(*, customer: Customer) -> Link | None:
    """Return the link that holds the customer now, or None."""
    return Link.objects.active().with_customer().select_related("user").filter(customer=customer).first()


def describe_customer(
    *, customer: Customer, label: str, institution: str, user: User, address: str | None
) -> None:
    """Set the label and institution of the customer; writes no other column."""
    with transaction.atomic():
        Customer.objects.filter(pk=customer.pk).update(label=label, institution=institution)
        add_entry(action="customer.renamed", actor=user, target=customer, address=address)


def confirm_again(*, customer: Customer, user: User, address: str | None) -> str:
    """Confirm the customer at the Cloud again and return a sentence about the outcome.

    A link that is gone is created again for its former account if that account is active. Raises NotDone
    if nobody holds or held the customer, CloudProblem if the Cloud does not confirm it.
    """
    link = active_link(customer=customer)
    former = None if link else _gone_link(customer)
    if link is None and former is None:
        raise NotDone("No account holds this customer. Invite its owner to press Connect in Clarius Cloud.")
    try:
        with cloud(customer.service, rules=PAGE) as client:
            client.confirm_customer(token=customer.token)
    except CloudProblem as problem:
        outcome = "not_found" if problem.is_unknown else "failed"
        with transaction.atomic():
            _audit("customer.confirmed", customer, user, address, outcome)
            is_ended = problem.is_unknown and link is not None and _end_unknown(link)
        raise problem.also(ENDED if is_ended else "Nothing was changed in the portal.") from None
    try:
        with transaction.atomic():
            _audit("customer.confirmed", customer, user, address, "ok")
            Customer.objects.filter(pk=customer.pk).update(missed_sync_count=0, missed_at=None)
            if link is None and former is not None:
                link = Link.objects.create(customer=customer, user=former.user)
                add_entry(action="link.created", actor=user, target=link, address=address)
                _mail_new_link(link=link)
            if link is not None and link.state == State.PENDING:
                accept_link(link=link)
    except (NotAllowed, IntegrityError):
        raise NotDone("The link has just changed. Reload the page.") from None
    return "Clarius Cloud confirmed this customer."


def mark_gone(*, link: Link, user: User, address: str | None) -> None:
    """End an active link as gone, and mail its account; raises NotDone if it has ended."""
    try:
        with transaction.atomic():
            end_link(link=link, reason=Reason.MARKED)
            _audit("customer.marked_gone", link.customer, user, address, "ok")
            _mail_marked(link=link)
    except NotAllowed:
        raise NotDone("The link has ended in the meantime.") from None


def transfer_customer(
    *,
    link: Link,
    recipient: User,
    reason: str,
    label: str,
    institution: str,
    user: User,
    address: str | None,
) -> Grant:
    """Ask to give the customer of an active link to another account; raises NotDone.

    The reason is stored with the ended link for administrators; the audit entry has both accounts.
    """
    if not recipient.is_active or recipient.pk == link.user_id:
        raise NotDone("Choose another account that is active.")
    if recipient.pk == user.pk and not user.is_superuser:
        # Administrators see no patient content, and this would give them the customer's exams.
        raise NotDone("You cannot transfer a customer to yourself. Ask another administrator.")
    if not reason.strip():
        raise NotDone("Enter a reason for the transfer.")
    try:
        return ask_for(
            kind=Grant.Kind.TRANSFER,
            what=f"the exams of {_unnamed(link.customer)}, held by {link.user.email}, to {recipient.email}",
            details={
                "link": str(link.uuid),
                "reason": reason.strip(),
                "label": label,
                "institution": institution,
            },
            recipient=recipient,
            user=user,
            address=address,
        )
    except CannotGrant as error:
        raise NotDone(str(error)) from None


def _unnamed(customer: Customer) -> str:
    # A label can be the name of a person, and this is mailed.
    return f"customer {customer.token_digest[:4].upper()} of {customer.service.name}"


@makes(Grant.Kind.TRANSFER, asked_with="integrations.operate_customer")
def _transfer(grant: Grant) -> None:
    link = (
        Link.objects.active()
        .with_customer()
        .select_related("user")
        .filter(uuid=grant.details["link"])
        .first()
    )
    recipient, described = grant.recipient, {name: grant.details[name] for name in ("label", "institution")}
    if link is None or recipient is None or not recipient.is_active:
        raise CannotGrant("The link has ended in the meantime, or the new account is switched off.")
    try:
        move_link(pk=link.pk, to=State.UNLINKED, reason=Reason.TRANSFERRED, detail=grant.details["reason"])
    except NotAllowed:
        raise CannotGrant("The link has ended in the meantime.") from None
    new = Link.objects.create(customer=link.customer, user=recipient, not_before=from_now(), **described)
    Customer.objects.filter(pk=link.customer_id).update(**described)
    add_entry(
        action="customer.transferred",
        actor=grant.asked_by,
        target=link.customer,
        address=grant.address,
        former=str(link.user.uuid),
        new=str(recipient.uuid),
        link=str(new.uuid),
    )
    _mail_transfer(former=link, new=new)


def invite_customer(*, customer: Customer, email: str, user: User, address: str | None) -> None:
    """Mail somebody an invitation to sign up and press Connect; links nothing.

    Raises NotDone if an account holds the customer, or if the address got a mail in the last minute.
    """
    if active_link(customer=customer) is not None:
        raise NotDone("An account holds this customer already.")
    with transaction.atomic():
        # This comes first: of two requests at once the second waits here and then finds the first one's time.
        now = timezone.now()
        mailed = Q(invited_email__iexact=email, invited_at__gt=now - INVITED_TWICE)
        row = Customer.objects.filter(~mailed, pk=customer.pk)
        if not row.update(invited_at=now, invited_email=email):
            raise NotDone(f"{email} was invited less than a minute ago. No second mail was sent.")
        has_account = User.objects.filter(email__iexact=email).exists()
        url = f"{settings.PUBLIC_URL}/accounts/login/"
        invitation = None
        if not has_account:
            invitation = create_invitation(email=email.lower(), user=user, address=address)
            url = make_invitation_url(invitation=invitation)
        _mail_invitation(customer=customer, email=email, url=url, has_account=has_account)
        invited = {"invitation": str(invitation.pk)} if invitation else {}
        add_entry(action="customer.invited", actor=user, target=customer, address=address, **invited)


def _mail_invitation(*, customer: Customer, email: str, url: str, has_account: bool) -> None:
    name = customer.service.name
    first = "Log in" if has_account else "Create your account"
    queue_mail(
        recipient=email,
        subject=f"Connect your Clarius Cloud account to {name}",
        body=(
            f"You are invited to see your exams and reports from {name} in our portal.\n\n"
            f"1. {first}: {url}\n"
            f"2. In Clarius Cloud, open the service {name} and press Connect, even if you did before.\n\n"
            "Your account is connected only after step 2. If you did not expect this, ignore this e-mail.\n"
        ),
    )


def _gone_link(customer: Customer) -> Link | None:
    """Return the last link if it is gone and its account is active, so that it can be linked again."""
    last = (
        Link.objects.filter(customer=customer).select_related("user").order_by("-created_at", "-pk").first()
    )
    return last if last is not None and last.state == State.GONE and last.user.is_active else None


def _end_unknown(link: Link) -> bool:
    """End a link that the Cloud does not know, and mail its account; False if it has ended meanwhile."""
    try:
        end_link(link=link, reason=Reason.UNKNOWN)
    except NotAllowed:
        return False
    mail_gone(link=link)
    return True


def _mail_marked(*, link: Link) -> None:
    name = link.customer.service.name
    queue_mail(
        recipient=link.user.email,
        subject=f"Your connection to {name} has ended",
        body=(
            f"An administrator ended the connection of your portal account to {name}. Your account no\n"
            "longer shows its exams. Nothing was deleted. If you still use the service, open it in Clarius\n"
            f"Cloud and press Connect again. {_where_to_ask()}\n"
        ),
    )


def _mail_new_link(*, link: Link) -> None:
    name = link.customer.service.name
    queue_mail(
        recipient=link.user.email,
        subject=f"Your account is connected to {name} again",
        body=(
            f"An administrator connected your portal account to {name} again. Your account shows its exams\n"
            "as before. If this Clarius Cloud account is not yours, suspend the connection here:\n"
            f"{settings.PUBLIC_URL}/links/{link.uuid}/not-me/\n"
        ),
    )


def _where_to_ask() -> str:
    return f"If you did not\nexpect this, ask an administrator of the portal: {settings.PUBLIC_URL}"


def _mail_transfer(*, former: Link, new: Link) -> None:
    name = former.customer.service.name
    queue_mail(
        recipient=former.user.email,
        subject=f"A connection of your account to {name} was transferred",
        body=(
            f"An administrator transferred a Clarius Cloud customer of {name} from your portal account to\n"
            f"another one. Your account no longer shows its exams. {_where_to_ask()}\n"
        ),
    )
    queue_mail(
        recipient=new.user.email,
        subject=f"A connection to {name} was transferred to your account",
        body=(
            f"An administrator transferred a Clarius Cloud customer of {name} to your portal account.\n"
            "Your account shows its exams after Clarius Cloud confirms the connection.\n"
            "If this customer is not yours, suspend the connection here:\n"
            f"{settings.PUBLIC_URL}/links/{new.uuid}/not-me/\n"
        ),
    )


def _audit(action: str, customer: Customer, user: User, address: str | None, outcome: str) -> None:
    add_entry(action=action, outcome=outcome, actor=user, target=customer, address=address)
