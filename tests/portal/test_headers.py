"""Headers and cookies by which browsers protect the portal's pages."""

from typing import Any

import pytest
from django.test import Client

from tests.people import logged_in, make_person
from tests.portal.loading import GOOD, load_settings

pytestmark = pytest.mark.django_db
HTTPS = GOOD | {"PUBLIC_URL": "https://portal.example.test", "TRUSTED_PROXY_COUNT": "1"}
COOKIES = ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "DEVICE_COOKIE_NAME")


@pytest.mark.parametrize(
    "address", ["/accounts/login/", "/", "/admin/", "/nowhere/", "/static/portal/portal.css", "/health/live/"]
)
def test_every_answer_switches_off_what_no_page_uses(address: str) -> None:
    for answer in (Client().get(address), Client().post("/webhooks/clarius/nobody/wrong/")):
        policy = answer.headers["Permissions-Policy"].split(", ")
        assert {"camera=()", "microphone=()", "geolocation=()", "fullscreen=(self)"} <= set(policy)


def _policy(browser: Client, address: str) -> dict[str, str]:
    header = browser.get(address).headers["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


def test_the_administration_is_allowed_only_what_its_theme_needs() -> None:
    browser = logged_in(make_person("superuser", is_staff=True, is_superuser=True))
    page, administration = _policy(browser, "/"), _policy(browser, "/admin/")
    assert administration["script-src"] == "'self' 'unsafe-eval'"
    assert administration["style-src"] == "'self' 'unsafe-inline'"
    differing = {name for name, value in administration.items() if page[name] != value}
    assert differing == {"script-src", "style-src"}
    assert "unsafe" not in "".join(page.values())
    for address in ("/admin/nowhere/", "/admin/accounts/user/999/change/"):
        assert "default-src" in _policy(browser, address)


def test_no_script_can_read_a_cookie(client: Client) -> None:
    client.get("/accounts/login/")
    assert client.cookies
    assert all(cookie["httponly"] for cookie in client.cookies.values())


def test_cookies_belong_to_this_host_under_https_and_have_plain_names_without() -> None:
    names = [load_settings(**HTTPS)[name] for name in COOKIES]
    assert names == ["__Host-portal_session", "__Host-portal_csrf", "__Host-portal_device"]
    assert [load_settings(**GOOD)[name] for name in COOKIES] == [
        "portal_session",
        "portal_csrf",
        "portal_device",
    ]


def test_a_cookie_with_the_other_name_is_ignored(settings: Any) -> None:
    rita = make_person("rita")
    plain = str(logged_in(rita).cookies["portal_session"].value)
    settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE = "__Host-portal_session", True
    browser = logged_in(rita)
    cookie = browser.cookies["__Host-portal_session"]
    assert (cookie["secure"], cookie["path"]) == (True, "/")
    assert not cookie["domain"]
    assert browser.get("/preferences/").status_code == 200
    other = Client()
    other.cookies["portal_session"] = plain
    assert other.get("/preferences/").status_code == 302
