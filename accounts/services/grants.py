"""Grants: access to patients, or a right that leads to it. Every form and command that gives one ends here.

By default a grant is made at once. With `GRANTS_NEED_TWO` it waits for a second administrator. Either way it
is audited, announced to every administrator and listed for a week.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Grant, User
from accounts.services.alerts import announce
from audit.entries import add_entry
from audit.models import Entry

DECIDE = "accounts.decide_grant"
ASKED = "grant.asked"


class CannotGrant(Exception):
    """Nothing was granted; the message is a sentence for the reader."""


# Makes a grant; raises CannotGrant if what was asked for no longer exists or has changed.
Make = Callable[[Grant], None]
# With the permission to ask for it.
_makers: dict[str, tuple[Make, str]] = {}


def makes(kind: Grant.Kind, *, asked_with: str) -> Callable[[Make], Make]:
    """Register the decorated function as the one that makes grants of this kind.

    `asked_with` is the permission that whoever asks needs, and still has when the grant is approved.
    """

    def register(make: Make) -> Make:
        _makers[kind] = make, asked_with
        return make

    return register


def list_deciders() -> QuerySet[User]:
    """Return the administrators who can approve grants."""
    able: Any = ModelBackend().with_perm(DECIDE, is_active=True, include_superusers=True)
    return able.filter(is_staff=True)


def ask_for(
    *,
    kind: Grant.Kind,
    what: str,
    details: dict[str, Any],
    user: User,
    address: str | None,
    recipient: User | None = None,
    email: str = "",
) -> Grant:
    """Make the grant, or store it until a second administrator approves it; raises CannotGrant.

    `what` is a sentence without its subject and its end: "the role Reviewers for x@example.com".
    """
    with transaction.atomic():
        grant = _store(
            kind, what=what, details=details, user=user, address=address, recipient=recipient, email=email
        )
        if settings.GRANTS_NEED_TWO:
            add_entry(
                action=ASKED,
                actor=user,
                target=grant,
                address=address,
                kind=kind.value,
                digest=_digest(grant),
            )
            _announce_question(grant)
        else:
            _makers[kind][0](grant)
            _finish(grant, user=user, address=address)
    return grant


def record_grant(
    *, kind: Grant.Kind, what: str, recipient: User, user: User | None, address: str | None
) -> Grant:
    """Audit, announce and list a grant that was made in another way."""
    with transaction.atomic():
        grant = _store(kind, what=what, user=user, address=address, recipient=recipient)
        _finish(grant, user=user, address=address)
    return grant


def approve_grants(*, queryset: QuerySet[Grant], user: User, address: str | None) -> int:
    """Make grants that another administrator asked for, or none; returns how many, raises CannotGrant."""
    with transaction.atomic():
        grants = list(queryset)
        for grant in grants:
            if user.pk == grant.asked_by_id:
                raise CannotGrant("You asked for it yourself. Another administrator has to decide.")
            if user.pk == grant.recipient_id:
                raise CannotGrant("It is for your own account. Another administrator has to decide.")
            _approve(grant, user=user, address=address, action="grant.approved")
    return len(grants)


def approve_by_command(*, grant: Grant) -> None:
    """Make a grant without a second administrator, for whoever runs the portal; raises CannotGrant."""
    _approve(grant, user=None, address=None, action="grant.approved_by_command")


def decline_grants(*, queryset: QuerySet[Grant], user: User, address: str | None) -> int:
    """End grants that wait, also one's own, or none; returns how many, raises CannotGrant."""
    with transaction.atomic():
        grants = list(queryset)
        for grant in grants:
            _decide(grant, state=Grant.State.DECLINED, user=user)
            add_entry(action="grant.declined", actor=user, target=grant, address=address, kind=grant.kind)
            body = f"{user.email} declined {grant.what}. {_asked(grant)}"
            announce(subject="A grant was declined", body=body)
    return len(grants)


def _store(
    kind: Grant.Kind,
    *,
    what: str,
    user: User | None,
    address: str | None,
    recipient: User | None,
    details: dict[str, Any] | None = None,
    email: str = "",
) -> Grant:
    return Grant.objects.create(
        kind=kind,
        what=what[:500],
        details=details or {},
        recipient=recipient,
        email=recipient.email if recipient else email,
        asked_by=user,
        address=address,
    )


def _approve(grant: Grant, *, user: User | None, address: str | None, action: str) -> None:
    with transaction.atomic():
        # The row may be newer than the page on which it was chosen.
        _decide(grant, state=Grant.State.MADE, user=user)
        grant.refresh_from_db()
        asked = Entry.objects.filter(action=ASKED, target_id=str(grant.uuid)).first()
        if asked is None or asked.identifiers.get("digest") != _digest(grant):
            raise CannotGrant("What was asked for has been changed in the database. Decline it.")
        if grant.asked_by is None or not grant.asked_by.is_active:
            raise CannotGrant("The account that asked for it is switched off. Decline it.")
        make, permission = _makers[grant.kind]
        if not grant.asked_by.is_staff or not grant.asked_by.has_perm(permission):
            raise CannotGrant("The account that asked for it may no longer do so. Decline it.")
        if grant.recipient is not None and grant.recipient.email != grant.email:
            raise CannotGrant("The recipient has another address by now. Decline it and ask again.")
        make(grant)
        add_entry(action=action, actor=user, target=grant, address=address, kind=grant.kind)
        by = user.email if user else "a command of the portal"
        announce(
            subject="Access was granted",
            body=f"{_asked(grant)} It was approved by {by}: {grant.what}.",
            check="grants-made",
        )


def _decide(grant: Grant, *, state: Grant.State, user: User | None) -> None:
    waiting = Grant.objects.waiting().filter(pk=grant.pk)
    if not waiting.update(state=state, decided_by=user, decided_at=timezone.now()):
        raise CannotGrant("It has been decided already, or has expired.")


def _finish(grant: Grant, *, user: User | None, address: str | None) -> None:
    Grant.objects.filter(pk=grant.pk).update(state=Grant.State.MADE, decided_at=timezone.now())
    grant.refresh_from_db()
    add_entry(action="grant.made", actor=user, target=grant, address=address, kind=grant.kind)
    by = f"{user.email} granted" if user else "A command of the portal granted"
    announce(subject="Access was granted", body=f"{by} {grant.what}.", check="grants-made")


def _announce_question(grant: Grant) -> None:
    announce(
        subject="A grant waits for a second administrator",
        body=f"{_asked(grant)} It is {grant.what}.\n\nIf you know that this is meant, approve it by "
        f"{grant.expires_at:%d %b %Y}:\n{settings.PUBLIC_URL}/admin/accounts/grant/",
        check="grants-waiting",
    )


def _asked(grant: Grant) -> str:
    return f"{grant.asked_by.email if grant.asked_by else 'Somebody'} had asked for it."


def _digest(grant: Grant) -> str:
    """Return the digest of everything that was asked for; the audit log keeps it."""
    parts = (
        str(grant.uuid),
        grant.kind,
        grant.what,
        grant.details,
        grant.recipient_id,
        grant.email,
        grant.asked_by_id,
    )
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
