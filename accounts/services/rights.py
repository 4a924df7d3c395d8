"""The rights that a person can give: only their own, and by a grant."""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import Grant, User
from accounts.roles import ADMINISTRATORS
from accounts.services.grants import CannotGrant, ask_for, makes
from audit.entries import add_entry

# Columns of an account that give it access when they are set, and how a grant names them. With another
# address, somebody else can reset the password.
RAISING = {
    "is_active": "an active account",
    "is_staff": "access to the administration",
    "is_superuser": "every right",
    "email": "the address",
}
# Whoever gives one of the others is a superuser.
GIVEN_BY_ADMINISTRATORS = {"is_active"}


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


def raise_account(
    *, account: User, columns: dict[str, Any], groups: Iterable[Group], user: User, address: str | None
) -> Grant:
    """Ask for columns of `RAISING` and further groups of an account; raises CannotGrant."""
    chosen = list(groups)
    named = [
        *(
            f"{RAISING[name]} {value}" if name == "email" else RAISING[name]
            for name, value in columns.items()
        ),
        *(f"the role {each.name}" for each in chosen),
    ]
    return ask_for(
        kind=Grant.Kind.ACCOUNT,
        what=f"{', '.join(named)} for {account.email}",
        details={"columns": columns, "groups": {str(each.pk): _contents(each) for each in chosen}},
        recipient=account,
        user=user,
        address=address,
    )


@makes(Grant.Kind.ACCOUNT, asked_with="accounts.change_user")
def _raise_account(grant: Grant) -> None:
    account, actor = grant.recipient, grant.asked_by
    assert account is not None and actor is not None  # noqa: S101 - such a grant is asked for with both
    groups = list(grantable_groups(user=actor).filter(pk__in=list(grant.details["groups"])))
    if {str(each.pk): _contents(each) for each in groups} != grant.details["groups"]:
        raise CannotGrant("A role in it has changed, or may not be given by the account that asked for it.")
    columns = grant.details["columns"]
    if not actor.is_superuser and (account.is_superuser or set(columns) - GIVEN_BY_ADMINISTRATORS):
        raise CannotGrant("The account that asked for it may no longer give this.")
    try:
        with transaction.atomic():
            User.objects.filter(pk=account.pk).update(**columns)
    except IntegrityError:
        raise CannotGrant("Another account has this address by now.") from None
    about: dict[str, Any] = {"actor": actor, "target": account, "address": grant.address}
    if columns:
        audit_account_change(user=account, fields=columns, actor=actor, address=grant.address)
    for each in groups:
        account.groups.add(each)
        add_entry(action="account.group_added", **about, group=each.name)


def leave_groups(*, account: User, groups: Iterable[Group], user: Any, address: str | None) -> None:
    """Take groups from an account."""
    with transaction.atomic():
        for each in groups:
            account.groups.remove(each)
            add_entry(
                action="account.group_removed", actor=user, target=account, address=address, group=each.name
            )


def change_permissions(
    *, group: Group, wanted: Iterable[Permission], user: User, address: str | None
) -> Grant | None:
    """Give a group exactly these permissions: fewer at once, more by a grant, which is returned."""
    before, after = set(group.permissions.all()), set(wanted)
    with transaction.atomic():
        _audit_permissions("group.permission_removed", group, before - after, actor=user, address=address)
        group.permissions.remove(*(before - after))
        added = sorted(after - before, key=lambda each: each.codename)
        if not added:
            return None
        return ask_for(
            kind=Grant.Kind.GROUP,
            what=f"{len(added)} permissions for the role {group.name}: {', '.join(map(_label, added))}",
            details={"group": group.pk, "permissions": [each.pk for each in added]},
            user=user,
            address=address,
        )


@makes(Grant.Kind.GROUP, asked_with="auth.change_group")
def _change_permissions(grant: Grant) -> None:
    group = Group.objects.filter(pk=grant.details["group"]).first()
    added = list(
        Permission.objects.filter(pk__in=grant.details["permissions"]).select_related("content_type")
    )
    if group is None or len(added) != len(grant.details["permissions"]):
        raise CannotGrant("The role or one of its permissions no longer exists.")
    group.permissions.add(*added)
    _audit_permissions("group.permission_added", group, added, actor=grant.asked_by, address=grant.address)


def _audit_permissions(
    action: str, group: Group, permissions: Iterable[Permission], *, actor: User | None, address: str | None
) -> None:
    for each in permissions:
        add_entry(action=action, actor=actor, target=group, address=address, permission=_label(each))


def _label(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def _contents(group: Group) -> str:
    """Return the digest of what a role permits, so that an approved grant gives what was asked for."""
    permissions = group.permissions.order_by("pk").values_list("pk", flat=True)
    return hashlib.sha256(f"{group.name}|{list(permissions)}".encode()).hexdigest()
