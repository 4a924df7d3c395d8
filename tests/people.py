"""Accounts that can log in, as they are after sign-up."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

PASSWORD = "a-long-enough-pass-phrase"


def make_person(name: str, *groups: str, **fields: Any) -> Any:
    """Return the account `name`@example.test with a verified address, in these groups."""
    user = get_user_model().objects.create_user(f"{name}@example.test", PASSWORD, **fields)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    user.groups.add(*Group.objects.filter(name__in=groups))
    return user


def logged_in(user: Any, **options: Any) -> Client:
    """Return a browser in which this account is logged in."""
    client = Client(**options)
    client.force_login(user)
    return client


def proven(user: Any, **options: Any) -> Client:
    """Return a browser in which this account has just entered its password."""
    client = logged_in(user, **options)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client
