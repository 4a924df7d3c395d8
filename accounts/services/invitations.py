"""Invitations: send, open and accept them."""

import secrets

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone

from accounts.models import Grant, Invitation, User, invitation_end
from accounts.referrals import invitation_code
from accounts.roles import REVIEWERS
from accounts.services.grants import ask_for, makes
from audit.entries import add_entry
from background.mail import queue_mail
from foundation.crypto import lookup_digest


def make_invitation_url(*, invitation: Invitation) -> str:
    """Give a saved invitation a new link, which lasts from now on; a former link stops working."""
    code = secrets.token_urlsafe(24)
    invitation.code_digest, invitation.expires_at = lookup_digest(code), invitation_end()
    invitation.save(update_fields=["code_digest", "expires_at"])
    return f"{settings.PUBLIC_URL}/invitations/{code}/"


def invite_reviewer(*, email: str, user: User, address: str | None) -> Grant:
    """Ask for an invitation that gives its owner the role of a reviewer; raises CannotGrant."""
    return ask_for(
        kind=Grant.Kind.INVITATION,
        what=f"an invitation as reviewer for {email}",
        details={},
        email=email,
        user=user,
        address=address,
    )


def create_invitation(
    *, email: str, user: User | None, address: str | None, is_reviewer: bool = False
) -> Invitation:
    """Store an invitation, which nobody can open before it is mailed."""
    with transaction.atomic():
        made = Invitation.objects.create(email=email, is_reviewer=is_reviewer, invited_by=user)
        role = "reviewer" if is_reviewer else "none"
        add_entry(action="invitation.created", actor=user, target=made, address=address, role=role)
    return made


@makes(Grant.Kind.INVITATION, asked_with="accounts.add_invitation")
def _invite_reviewer(grant: Grant) -> None:
    made = create_invitation(email=grant.email, user=grant.asked_by, address=grant.address, is_reviewer=True)
    send_invitation(invitation=made, actor=grant.asked_by, address=grant.address)


def send_invitation(*, invitation: Invitation, actor: User | None, address: str | None) -> None:
    """Mail a saved invitation with a new link; opening it proves that the reader owns the address."""
    with transaction.atomic():
        url = make_invitation_url(invitation=invitation)
        queue_mail(
            recipient=invitation.email,
            subject="Invitation to the portal",
            body=(
                f"{_inviter(actor)} has invited you{' as a reviewer' if invitation.is_reviewer else ''} "
                f"to the portal at {settings.PUBLIC_URL}.\n\n"
                f"To create your account, open this link by {invitation.expires_at:%d %b %Y}:\n"
                f"{url}\n\n"
                "If you did not expect this invitation, ignore this e-mail.\n"
            ),
        )
        add_entry(action="invitation.sent", actor=actor, target=invitation, address=address)


def open_invitation(*, code: str) -> Invitation | None:
    """Return the invitation with this code if it is still valid, else None."""
    invitations = Invitation.objects.filter(accepted_at=None, expires_at__gt=timezone.now())
    return invitations.filter(code_digest=lookup_digest(code)).first()


def pending_invitation(*, session: SessionBase) -> Invitation | None:
    """Return the invitation that this browser opened if it is still valid, else None."""
    code = invitation_code(session)
    return open_invitation(code=code) if code else None


def accept_invitation(*, invitation: Invitation, user: User, address: str | None) -> bool:
    """Give the account the invited role; False if the invitation is for another address, used or expired."""
    if invitation.email.lower() != user.email.lower():
        return False
    with transaction.atomic():
        now = timezone.now()
        valid = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, expires_at__gt=now)
        if not valid.update(accepted_at=now):
            return False
        User.objects.filter(pk=user.pk).update(is_provisional=False)
        if invitation.is_reviewer:
            user.groups.add(Group.objects.get(name=REVIEWERS))
        add_entry(action="invitation.accepted", actor=user, target=invitation, address=address)
    return True


def _inviter(actor: User | None) -> str:
    return actor.display_name if actor is not None else "An administrator"
