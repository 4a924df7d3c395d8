"""Notifications pass by what pages need, and lose none of what protects them."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

URL = "/webhooks/clarius/nobody/wrong-secret/"


@pytest.mark.django_db
def test_a_notification_meets_no_middleware_of_pages(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_an_address_that_is_no_webhook_is_a_page_that_is_not_there() -> None:
    answer = Client().get("/webhooks/nothing/")
    assert answer.status_code == 404
    assert "Content-Security-Policy" in answer.headers


def test_the_short_way_comes_before_everything_that_costs() -> None:
    way = settings.MIDDLEWARE.index("portal.web.short_way.ShortWay")
    assert settings.MIDDLEWARE[:way] == ["django.middleware.security.SecurityMiddleware"]
