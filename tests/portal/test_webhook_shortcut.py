"""Notifications skip the middleware of pages, but not what protects them."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

URL = "/webhooks/clarius/nobody/wrong-secret/"


@pytest.mark.django_db
def test_a_notification_skips_the_middleware_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise AssertionError("A notification was treated as a page.")

    monkeypatch.setattr("django.contrib.sessions.middleware.SessionMiddleware.process_request", refuse)
    answer = Client().post(URL, {"request_uuid": "x"}, content_type="application/json")
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    with pytest.raises(AssertionError, match="treated as a page"):
        Client().get("/accounts/login/")


@pytest.mark.django_db
def test_a_notification_to_a_foreign_host_is_refused() -> None:
    assert Client().post(URL, headers={"host": "evil.example"}).status_code == 400


@pytest.mark.django_db
def test_an_address_that_is_no_webhook_is_an_ordinary_page_not_found() -> None:
    answer = Client().get("/webhooks/nothing/")
    assert answer.status_code == 404
    assert "Content-Security-Policy" in answer.headers


def test_the_shortcut_comes_before_all_costly_middleware() -> None:
    place = settings.MIDDLEWARE.index("portal.pages.middleware.WebhookShortcut")
    assert settings.MIDDLEWARE[:place] == [
        "portal.pages.middleware.RefusedFeatures",
        "django.middleware.security.SecurityMiddleware",
    ]
