"""Into the administration leads one door, the portal's log-in; Django's own forms are shut."""

from typing import Any

import pytest
from django.test import Client

from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(db: None) -> Client:
    """Of an administrator, beside whom there is a superuser."""
    make_person("chief", is_staff=True, is_superuser=True)
    return logged_in(make_person("administrator", "Administrators", is_staff=True))


def _account(browser: Client) -> Any:
    return browser.get("/").context["user"].email


@pytest.mark.parametrize("password", [PASSWORD, "a wrong guess"])
def test_nobody_tries_passwords_at_a_form_without_limits(browser: Client, password: str) -> None:
    guess = {"username": "chief@example.test", "password": password, "next": "/admin/"}
    answer = browser.post("/admin/login/", guess)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert _account(browser) == "administrator@example.test"


def test_a_password_is_changed_where_its_owner_is_notified(browser: Client) -> None:
    new = "another-long-one"
    wish = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    for answer in (browser.get("/admin/password_change/"), browser.post("/admin/password_change/", wish)):
        assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/password/change/")
    assert browser.login(email="administrator@example.test", password=PASSWORD)


def test_strangers_are_sent_to_the_portals_own_log_in() -> None:
    for method in ("get", "post"):
        answer = getattr(Client(), method)("/admin/login/?next=/admin/")
        assert answer.headers["Location"] == "/accounts/login/?next=%2Fadmin%2F"
