"""Everything else that takes a password or a code, or sends a mail, is limited like the log-in."""

from typing import Any

import pytest
from django.test import Client

from background.models import OutgoingMail
from integrations.views.connect import TOKENS_PER_MINUTE
from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db
EMAIL = "new@example.test"
ATTACKER, OWNER = "198.51.100.7", "203.0.113.5"
TOO_MANY = "Too many wrong passwords. Try again in"
FRESH = "another-long-pass-phrase"


@pytest.fixture(autouse=True)
def person(db: None) -> Any:
    return make_person("new")


def test_the_password_of_somebody_who_is_logged_in_cannot_be_guessed(person: Any) -> None:
    browser = logged_in(person, REMOTE_ADDR=ATTACKER)
    for _ in range(5):
        assert (
            b"This is not your password."
            in browser.post("/accounts/reauthenticate/", {"password": "x"}).content
        )
    answer = browser.post("/accounts/reauthenticate/", {"password": PASSWORD}).content.decode()
    assert f"{TOO_MANY} 30 seconds." in answer
    assert "reset your password" not in answer
    owner = logged_in(person, REMOTE_ADDR=OWNER)
    assert owner.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302


def test_neither_on_the_page_that_changes_it(person: Any) -> None:
    browser = logged_in(person, REMOTE_ADDR=ATTACKER)
    new = {"password1": FRESH, "password2": FRESH}
    for _ in range(5):
        answer = browser.post("/accounts/password/change/", {"oldpassword": "x"} | new)
        assert b"This is not your current password." in answer.content
    answer = browser.post("/accounts/password/change/", {"oldpassword": PASSWORD} | new)
    assert TOO_MANY in answer.content.decode()
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


@pytest.mark.parametrize("email", [EMAIL, "no@example.test"])
def test_reset_codes_wait_for_their_network_and_not_for_the_owner(email: str) -> None:
    attacker, owner = Client(REMOTE_ADDR=ATTACKER), Client(REMOTE_ADDR=OWNER)
    for _ in range(5):
        assert attacker.post("/accounts/password/reset/", {"email": email}).status_code == 302
    refused = attacker.post("/accounts/password/reset/", {"email": email}).content.decode()
    assert "Too many codes were requested. Try again in 30 seconds." in refused
    assert owner.post("/accounts/password/reset/", {"email": email}).status_code == 302
    assert OutgoingMail.objects.to(email).count() == 6


def test_parallel_codes_of_one_session_are_limited() -> None:
    browser = Client(REMOTE_ADDR=ATTACKER)
    browser.post("/accounts/password/reset/", {"email": EMAIL})
    page, answers = "/accounts/password/reset/confirm/", []
    kept = browser.session["account_password_reset_verification"]
    for _ in range(11):
        # As a parallel request finds it, which has read the session before the others wrote it.
        session = browser.session
        session["account_password_reset_verification"] = kept
        session.save()
        answers.append(browser.post(page, {"code": "WRONG1"}).content.decode())
    assert "Too many wrong codes. Try again in 30 seconds." in answers[-1]
    assert not any("Too many wrong codes" in each for each in answers[:10])


def test_the_codes_of_others_do_not_use_up_ones_own(service: Any, code: Any) -> None:
    for number in range(8):
        other = Client(REMOTE_ADDR=f"198.51.100.{number}")
        other.get("/connect/echo/", {"token": "Kx9_" + "t0" * 19 + "-"})
        data = {"email": "me@example.test", "password1": PASSWORD, "password2": PASSWORD}
        assert other.post("/accounts/signup/", data)["Location"] == "/accounts/confirm-email/"


def test_sign_ups_wait_for_their_network(service: Any) -> None:
    def sign_up(browser: Client) -> Any:
        browser.get("/connect/echo/", {"token": "made-up_" + "x" * 35})
        data = {"email": "me@example.test", "password1": PASSWORD, "password2": PASSWORD}
        return browser.post("/accounts/signup/", data)

    answers = [sign_up(Client(REMOTE_ADDR=ATTACKER)) for _ in range(6)]
    assert [each.status_code for each in answers] == [302] * 5 + [200]
    assert "Too many sign-ups. Try again in 30 seconds." in answers[-1].content.decode()
    assert sign_up(Client(REMOTE_ADDR=OWNER)).status_code == 302


def test_the_addresses_of_an_ipv6_network_share_the_limits_of_the_connect_page(service: Any) -> None:
    page = {"token": "made-up_" + "x" * 35}
    answers = [
        Client(REMOTE_ADDR=f"2001:db8::{number:x}").get("/connect/echo/", page).status_code
        for number in range(1, 2 * TOKENS_PER_MINUTE + 2)
    ]
    assert 429 in answers


def test_a_flood_is_answered_with_a_page_that_says_how_long_to_wait(person: Any) -> None:
    browser = logged_in(person)
    for _ in range(31):
        answer = browser.post("/accounts/password/change/", {})
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert "Wait 1 minute, then go back and try again." in answer.content.decode()


def test_invitation_links_cannot_be_guessed() -> None:
    answers = [Client().get(f"/invitations/guess-{n}/", REMOTE_ADDR=ATTACKER).status_code for n in range(21)]
    assert answers == [410] * 20 + [429]
    assert Client().get("/invitations/guess/", REMOTE_ADDR=OWNER).status_code == 410
