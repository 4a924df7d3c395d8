"""Sign-up needs a connection token or an invitation, and then continues with it."""

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation
from accounts.services.invitations import make_invitation_url
from background.models import OutgoingMail
from integrations.models import Service
from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db
TOKEN = "Kx9_" + "t0" * 19 + "-"
EMAIL = "new@example.test"
CLOSED = b"Sign up from Clarius Cloud"


def _sign_up(client: Client, email: str = EMAIL, **data: str) -> Any:
    fields = {"email": email, "password1": PASSWORD, "password2": PASSWORD} | data
    return client.post("/accounts/signup/", fields)


def _arrive(client: Client) -> None:
    client.get("/connect/echo/", {"token": TOKEN})


def test_sign_up_is_closed_without_a_token_or_an_invitation(client: Client) -> None:
    assert CLOSED in client.get("/accounts/signup/").content
    assert CLOSED in _sign_up(client).content
    assert not get_user_model().objects.exists()


def test_sign_up_with_a_token_confirms_the_address_and_returns_to_the_token(
    service: Service, client: Client, code: Any
) -> None:
    _arrive(client)
    answer = _sign_up(client)
    assert answer["Location"] == "/accounts/confirm-email/"
    assert "_auth_user_id" not in client.session
    wrong = client.post("/accounts/confirm-email/", {"code": "WRONG1"})
    assert wrong.status_code == 200
    done = client.post("/accounts/confirm-email/", {"code": code(EMAIL)})
    assert done["Location"] == "/connect/echo/"
    page = client.get("/connect/echo/")
    assert page.status_code == 200
    assert EMAIL.encode() in page.content
    assert TOKEN.encode() not in page.content


def test_sign_up_by_token_can_be_closed(service: Service, client: Client, settings: Any) -> None:
    settings.SIGNUP_OPEN = False
    _arrive(client)
    assert CLOSED in _sign_up(client).content
    assert not get_user_model().objects.exists()


def test_an_address_that_has_an_account_gets_the_same_answer_and_a_mail(
    service: Service, client: Client
) -> None:
    make_person("new")
    _arrive(client)
    assert _sign_up(client, "NEW@example.test")["Location"] == "/accounts/confirm-email/"
    assert get_user_model().objects.count() == 1
    assert OutgoingMail.objects.get().subject == "You already have a portal account"


def test_a_password_can_be_reset_by_code_while_the_token_is_pending(
    service: Service, client: Client, code: Any
) -> None:
    make_person("new")
    _arrive(client)
    assert client.post("/accounts/password/reset/", {"email": EMAIL})["Location"].endswith("/confirm/")
    client.post("/accounts/password/reset/confirm/", {"code": code(EMAIL)})
    fresh = "another-long-pass-phrase"
    done = client.post("/accounts/password/reset/complete/", {"password1": fresh, "password2": fresh})
    assert done["Location"] == "/connect/echo/"
    assert client.get("/connect/echo/").status_code == 200


def test_nobody_learns_whether_an_address_has_an_account(client: Client) -> None:
    make_person("new")
    answers = [
        client.post("/accounts/password/reset/", {"email": email})["Location"]
        for email in (EMAIL, "no@example.test")
    ]
    assert answers[0] == answers[1]
    subjects = {(mail.recipient, mail.subject) for mail in OutgoingMail.objects.all()}
    assert subjects == {
        (EMAIL, "Your password reset code"),
        ("no@example.test", "No portal account with this address"),
    }


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "javascript:alert(1)", "https://evil.example"]
)
def test_log_in_never_redirects_to_another_site(client: Client, target: str) -> None:
    make_person("new")
    answer = client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD, "next": target})
    assert answer["Location"] == "/"


def test_guesses_of_passwords_are_limited(client: Client) -> None:
    make_person("new")
    for _ in range(6):
        client.post("/accounts/login/", {"login": EMAIL, "password": "wrong"})
    refused = client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    assert "Location" not in refused
    assert "_auth_user_id" not in client.session


def test_an_account_that_is_switched_off_cannot_log_in(client: Client) -> None:
    make_person("new", is_active=False)
    client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_without_a_mail_server_pages_answer_and_codes_reach_no_log_and_no_admin_page(
    service: Service,
    client: Client,
    code: Any,
    settings: Any,
    superuser: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with caplog.at_level(logging.DEBUG):
        _arrive(client)
        assert _sign_up(client)["Location"] == "/accounts/confirm-email/"
    secret = code(EMAIL)
    assert secret not in caplog.text
    mail = OutgoingMail.objects.get()
    page = logged_in(superuser).get(f"/admin/background/outgoingmail/{mail.pk}/change/")
    assert page.status_code == 200
    assert secret.encode() not in page.content
    assert secret not in mail.subject


class TestInvitations:
    """An invitation opens sign-up for its address, once, and confirms the address."""

    @pytest.fixture
    def invitation(self) -> Invitation:
        return Invitation.objects.create(email=EMAIL, is_reviewer=True)

    @pytest.fixture
    def page(self, invitation: Invitation) -> str:
        """Return the path of the invitation's link."""
        return urlsplit(make_invitation_url(invitation=invitation)).path

    def test_the_invited_person_signs_up_without_a_code_and_is_a_reviewer(
        self, client: Client, invitation: Invitation, page: str, settings: Any
    ) -> None:
        settings.SIGNUP_OPEN = False
        opened = client.get(page)
        assert (opened["Location"], opened["Referrer-Policy"]) == ("/accounts/signup/", "strict-origin")
        assert _sign_up(client, EMAIL.upper())["Location"] == "/"
        user = get_user_model().objects.get()
        assert list(user.groups.values_list("name", flat=True)) == ["Reviewers"]
        assert not user.is_staff
        invitation.refresh_from_db()
        assert invitation.accepted_at is not None
        assert Client().get(page).status_code == 410

    def test_the_sign_up_page_names_the_invitation_and_promises_no_code(
        self, client: Client, page: str, administrator: Any, settings: Any
    ) -> None:
        settings.SIGNUP_OPEN = False
        Invitation.objects.update(invited_by=administrator)
        client.get(page)
        shown = client.get("/accounts/signup/").content.decode()
        assert "<bdi>administrator@example.test</bdi> invited you as a reviewer" in shown
        assert "you need no code" in shown
        assert "we send you a code" not in shown.lower()
        assert f'value="{EMAIL}"' in shown
        Invitation.objects.update(invited_by=None, is_reviewer=False)
        plain = client.get("/accounts/signup/").content.decode()
        assert "<bdi>An administrator</bdi> invited you</p>" in plain
        assert "as a reviewer" not in plain

    def test_with_a_token_as_well_the_page_says_when_a_code_is_mailed(
        self, service: Service, client: Client, page: str
    ) -> None:
        client.get(page)
        _arrive(client)
        shown = client.get("/accounts/signup/").content.decode()
        assert "With another address the invitation stays open, and we send you a code by e-mail." in shown

    def test_without_an_invitation_the_page_says_that_a_code_is_mailed(
        self, service: Service, client: Client
    ) -> None:
        _arrive(client)
        shown = client.get("/accounts/signup/").content.decode()
        assert "We send you a code by e-mail." in shown
        assert "invited" not in shown

    def test_the_log_in_page_names_it_to_somebody_who_has_an_account(self, client: Client, page: str) -> None:
        make_person("new")
        client.get(page)
        shown = client.get("/accounts/login/").content.decode()
        assert f"invited <strong><bdi>{EMAIL}</bdi></strong> as a reviewer" in shown
        assert "invited" not in Client().get("/accounts/login/").content.decode()

    def test_another_address_is_refused(self, client: Client, page: str, settings: Any) -> None:
        settings.SIGNUP_OPEN = False
        client.get(page)
        answer = _sign_up(client, "somebody@example.test")
        assert b"Sign up with the address that the invitation was sent to." in answer.content
        assert not get_user_model().objects.exists()

    def test_somebody_who_also_brings_a_token_may_use_another_address_but_gets_no_role(
        self, service: Service, client: Client, page: str, code: Any
    ) -> None:
        client.get(page)
        _arrive(client)
        _sign_up(client, "somebody@example.test")
        client.post("/accounts/confirm-email/", {"code": code("somebody@example.test")})
        assert not get_user_model().objects.get().groups.exists()
        assert Invitation.objects.get().accepted_at is None

    @pytest.mark.parametrize("change", [{"expires_at": timezone.now()}, {"accepted_at": timezone.now()}])
    def test_an_old_or_used_invitation_opens_nothing(
        self, client: Client, page: str, change: dict[str, Any]
    ) -> None:
        client.get(page)
        Invitation.objects.update(**change)
        assert client.get(page).status_code == 410
        assert CLOSED in _sign_up(client).content

    def test_an_account_that_exists_accepts_by_a_post(self, page: str) -> None:
        person = make_person("new")
        client = logged_in(person)
        assert b"Accept your invitation" in client.get(page).content
        assert not person.groups.exists()
        client.post(page)
        assert person.groups.filter(name="Reviewers").exists()

    def test_an_account_that_logs_in_after_opening_it_has_accepted_it(
        self, client: Client, page: str
    ) -> None:
        person = make_person("new")
        assert client.get(page)["Location"] == "/accounts/login/"
        client.post("/accounts/login/", {"login": EMAIL, "password": PASSWORD})
        assert person.groups.filter(name="Reviewers").exists()

    def test_it_is_not_for_another_account(self, page: str) -> None:
        person = make_person("somebody")
        client = logged_in(person)
        assert b"for another address" in client.get(page).content
        assert EMAIL.encode() not in client.get(page).content
        client.post(page)
        assert not person.groups.exists()

    def test_mailing_it_again_makes_a_new_link_that_lasts_again(
        self, client: Client, invitation: Invitation, page: str
    ) -> None:
        Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
        again = urlsplit(make_invitation_url(invitation=invitation)).path
        assert client.get(page).status_code == 410
        assert client.get(again)["Location"] == "/accounts/signup/"

    def test_an_expiry_is_two_weeks_away(self, invitation: Invitation) -> None:
        left = invitation.expires_at - timezone.now()
        assert timedelta(days=13) < left <= timedelta(days=14)
