"""The demo's three accounts, with verified e-mail addresses and the passwords of `demo.json`."""

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from integrations.models import ReviewerAccess, Service
from portal.demo.state import ROLES, DemoFile

NAMES = {
    "clinician": ("Ada", "Osei"),
    "reviewer": ("Rosa", "Lindgren"),
    "administrator": ("Kim", "Adler"),
}
GROUPS = {"reviewer": "Reviewers", "administrator": "Administrators"}


def make_accounts(*, demo: DemoFile) -> dict[str, User]:
    """Return the three accounts; create the missing ones."""
    return {role: _make(role=role, demo=demo) for role in ROLES}


@transaction.atomic
def _make(*, role: str, demo: DemoFile) -> User:
    address = demo.address(role)
    user = User.objects.filter(email__iexact=address).first()
    if user is None:
        first, last = NAMES[role]
        user = User.objects.create_user(
            address,
            demo.data["passwords"][role],
            first_name=first,
            last_name=last,
            is_staff=role == "administrator",
        )
    EmailAddress.objects.get_or_create(user=user, email=address, defaults={"verified": True, "primary": True})
    if role in GROUPS:
        user.groups.add(Group.objects.get(name=GROUPS[role]))
    return user


def grant_review(*, user: User, service: Service) -> None:
    """Let the reviewer see the service's exams."""
    ReviewerAccess.objects.get_or_create(user=user, service=service)
