"""The rights that a person can grant: only their own."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet

from accounts.models import User
from accounts.roles import ADMINISTRATORS
from audit.entries import add_entry


def grantable_groups(*, user: Any) -> QuerySet[Group]:
    """Return the groups whose every permission this person has; only a superuser grants Administrators."""
    if user.is_superuser:
        return Group.objects.order_by("name")
    own = Permission.objects.filter(group__user=user).values("pk") | Permission.objects.filter(
        user=user
    ).values("pk")
    missing = Permission.objects.exclude(pk__in=own)
    return Group.objects.exclude(permissions__in=missing).exclude(name=ADMINISTRATORS).order_by("name")


def audit_account_change(*, user: User, fields: Iterable[str], actor: Any, address: str | None) -> None:
    """Audit which columns of an account an administrator changed, without their values."""
    add_entry(
        action="account.changed", actor=actor, target=user, address=address, fields=" ".join(fields)[:200]
    )
