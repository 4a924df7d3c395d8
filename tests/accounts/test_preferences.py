"""People change their own name and time zone, and read times in it."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.middleware import ReaderTimezone
from foundation.address import client_address
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db


def test_preferences_are_saved_and_nothing_else(client: Client) -> None:
    person = make_person("clinician")
    data = {
        "first_name": "Ada",
        "last_name": "Osei",
        "timezone": "Africa/Accra",
        "is_staff": "on",
        "email": "x@y.test",
    }
    assert logged_in(person).post("/preferences/", data)["Location"] == "/preferences/"
    person.refresh_from_db()
    assert (person.get_full_name(), person.timezone) == ("Ada Osei", "Africa/Accra")
    assert (person.is_staff, person.email) == (False, "clinician@example.test")


def test_an_unknown_zone_is_refused_and_anonymous_people_log_in() -> None:
    person = make_person("clinician")
    page = logged_in(person).post("/preferences/", {"timezone": "Mars/Olympus"})
    assert page.status_code == 200
    person.refresh_from_db()
    assert person.timezone == ""
    assert Client().get("/preferences/")["Location"] == "/accounts/login/?next=/preferences/"


@pytest.mark.parametrize(
    ("zone", "shown"), [("", "UTC"), ("Asia/Tokyo", "Asia/Tokyo"), ("Mars/Olympus", "UTC")]
)
def test_a_page_shows_times_in_the_readers_zone(rf: RequestFactory, zone: str, shown: str) -> None:
    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(timezone.get_current_timezone_name())

    request = rf.get("/")
    request.user = make_person("clinician", timezone=zone)
    assert ReaderTimezone(page)(request).content.decode() == shown
    assert timezone.get_current_timezone_name() == "UTC"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "1.1.1.1", "10.0.0.1"),
        (1, "6.6.6.6, 2.2.2.2", "2.2.2.2"),
        (2, "6.6.6.6, 1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (2, "2.2.2.2", "10.0.0.1"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "2.2.2.2:8080", "2.2.2.2"),
        (1, "::ffff:2.2.2.2", "2.2.2.2"),
        (1, "not an address", None),
        (1, "", "10.0.0.1"),
    ],
)
def test_only_trusted_proxies_can_set_the_client_address(
    rf: RequestFactory, settings: Any, proxies: int, forwarded: str, expected: str | None
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    request = rf.get("/", HTTP_X_FORWARDED_FOR=forwarded, REMOTE_ADDR="10.0.0.1")
    assert client_address(request) == expected
