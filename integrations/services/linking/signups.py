"""Remove sign-ups of which nothing came: any text opens sign-up, since only the Cloud knows the tokens.

The Cloud is not asked before a person with a confirmed address has confirmed the connection. If it does not
know the token then, the account has no purpose, and neither has the customer made from the token.
"""

from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, ProtectedError, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from integrations.models import Customer, Link, ReviewerAccess

# After the last log-in, or the sign-up: enough to correct a mistake in Clarius Cloud and to connect again.
KEPT = timedelta(days=1)


def remove_signups() -> int:
    """Delete provisional accounts that connected nothing and have no role, and return how many."""
    count = 0
    for pk in list(_unused().values_list("pk", flat=True)):
        with transaction.atomic():
            # Locked and looked at again: its owner may be logging in or connecting.
            user = _unused().filter(pk=pk).select_for_update(of=("self",)).first()
            if user is None:
                continue
            customers = list(Customer.objects.filter(links__user=user))
            add_entry(action="account.removed", target=user, reason="connected_nothing")
            user.delete()
            for customer in customers:
                _remove_customer(customer)
        count += 1
    return count


def _unused() -> QuerySet[User]:
    own = Link.objects.filter(user=OuterRef("pk"))
    held = own.filter(Q(state__in=Link.ACTIVE) | Q(confirmed_at__isnull=False))
    granted = ReviewerAccess.objects.filter(user=OuterRef("pk"))
    return (
        User.objects.filter(is_provisional=True, is_staff=False, is_superuser=False, groups=None)
        .alias(seen_at=Coalesce("last_login", "date_joined"))
        .filter(~Exists(held), ~Exists(granted), seen_at__lt=timezone.now() - KEPT)
    )


def _remove_customer(customer: Customer) -> None:
    """Delete a customer that nobody but the removed account knew."""
    is_known = customer.listed_at is not None or customer.invited_at is not None
    if is_known or customer.links.exists():
        return
    # Somebody sent exams for it.
    with suppress(ProtectedError), transaction.atomic():
        customer.delete()
