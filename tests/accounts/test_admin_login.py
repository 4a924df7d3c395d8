"""The administration uses the portal's log-in page; Django's own forms are closed."""

from typing import Any

import pytest
from django.test import Client

from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(db: None) -> Client:
    """The browser of an administrator; a superuser exists as well."""
    make_person("chief", is_staff=True, is_superuser=True)
    return logged_in(make_person("administrator", "Administrators", is_staff=True))


def _account(browser: Client) -> Any:
    return browser.get("/").context["user"].email


@pytest.mark.parametrize("password", [PASSWORD, "a wrong guess"])
def test_djangos_log_in_form_accepts_no_password(browser: Client, password: str) -> None:
    guess = {"username": "chief@example.test", "password": password, "next": "/admin/"}
    answer = browser.post("/admin/login/", guess)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert _account(browser) == "administrator@example.test"


def test_passwords_are_changed_on_the_page_that_notifies_the_owner(browser: Client) -> None:
    new = "another-long-one"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    for answer in (browser.get("/admin/password_change/"), browser.post("/admin/password_change/", form)):
        assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/password/change/")
    assert browser.login(email="administrator@example.test", password=PASSWORD)


def test_anonymous_visitors_are_redirected_to_the_portals_log_in() -> None:
    for method in ("get", "post"):
        answer = getattr(Client(), method)("/admin/login/?next=/admin/")
        assert answer.headers["Location"] == "/accounts/login/?next=%2Fadmin%2F"
