"""What happens to an account outside of the administration is in the audit log, never what was typed."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.models import Invitation
from audit.models import Entry
from background.models import OutgoingMail
from tests.people import PASSWORD, logged_in, make_person, proven

pytestmark = pytest.mark.django_db
NEW = "another-long-pass-phrase"


@pytest.fixture
def person(db: None) -> Any:
    return make_person("clinician")


def _entry(action: str) -> tuple[str, str, str]:
    """Return actor, object and outcome of the only entry with this action."""
    entry = Entry.objects.get(action=action)
    return entry.actor_id, entry.target_id, entry.outcome


def _own(person: Any, outcome: str = "ok") -> tuple[str, str, str]:
    return str(person.pk), str(person.uuid), outcome


def _about(person: Any, outcome: str = "ok") -> tuple[str, str, str]:
    return "", str(person.uuid), outcome


def test_logging_out(person: Any) -> None:
    logged_in(person).post("/accounts/logout/")
    assert _entry("account.logged_out") == _own(person)


def test_a_failed_log_in_names_the_account_and_never_what_was_typed(client: Client, person: Any) -> None:
    client.post("/accounts/login/", {"login": "Clinician@example.test", "password": "a wrong guess"})
    assert _entry("account.log_in_failed") == _about(person, "refused")
    client.post("/accounts/login/", {"login": "hunter2@hunter.test", "password": "a wrong guess"})
    typed = Entry.objects.filter(action="account.log_in_failed").exclude(target_id=str(person.uuid)).get()
    assert (typed.target_id, typed.actor_id, typed.outcome) == ("", "", "refused")
    assert "hunter" not in str(list(Entry.objects.values()))


def test_the_right_password_of_an_account_that_is_switched_off(client: Client, person: Any) -> None:
    type(person).objects.update(is_active=False)
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert _entry("account.log_in_failed") == _about(person, "inactive")


def test_entering_the_password_again(person: Any) -> None:
    browser = logged_in(person)
    browser.post("/accounts/reauthenticate/", {"password": "a wrong guess"})
    assert _entry("account.reauthentication_failed") == _own(person, "refused")
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert _entry("account.reauthenticated") == _own(person)
    assert not Entry.objects.filter(action="account.log_in_failed").exists()


def test_changing_the_password(person: Any) -> None:
    form = {"oldpassword": "a wrong guess", "password1": NEW, "password2": NEW}
    browser = logged_in(person)
    browser.post("/accounts/password/change/", form)
    assert _entry("account.reauthentication_failed") == _own(person, "refused")
    browser.post("/accounts/password/change/", form | {"oldpassword": PASSWORD})
    assert _entry("account.password_changed") == _own(person)


def test_resetting_the_password(client: Client, person: Any, code: Any) -> None:
    client.post("/accounts/password/reset/", {"email": person.email})
    assert _entry("account.reset_requested") == _about(person)
    client.post("/accounts/password/reset/confirm/", {"code": "WRONG-1"})
    assert _entry("account.code_refused") == _about(person, "refused")
    client.post("/accounts/password/reset/confirm/", {"code": code(person.email)})
    page = "/accounts/password/reset/complete/"
    client.post(page, {"password1": NEW, "password2": NEW})
    assert Entry.objects.filter(action="account.password_reset", target_id=str(person.uuid)).count() == 1
    assert Entry.objects.filter(action="account.logged_in", actor_id=str(person.pk)).count() == 1


def test_a_reset_for_an_address_without_an_account_names_nobody(client: Client) -> None:
    client.post("/accounts/password/reset/", {"email": "hunter2@example.test"})
    assert _entry("account.reset_requested") == ("", "", "no_account")
    assert "hunter" not in str(list(Entry.objects.values()))


def test_signing_up_with_an_invitation(client: Client) -> None:
    administrator = make_person("administrator", "Administrators", is_staff=True)
    proven(administrator).post("/admin/accounts/invitation/add/", {"email": "new@example.test"})
    made = Invitation.objects.get()
    assert _entry("invitation.created") == (str(administrator.pk), str(made.pk), "ok")
    assert _entry("invitation.sent") == (str(administrator.pk), str(made.pk), "ok")
    (link,) = re.findall(r"/invitations/\S+/", OutgoingMail.objects.to("new@example.test").get().body)
    client.get(link)
    form = {"email": "new@example.test", "password1": NEW, "password2": NEW}
    client.post("/accounts/signup/", form)
    new = type(administrator).objects.get(email="new@example.test")
    assert Entry.objects.get(action="account.signed_up").target_id == str(new.uuid)
    assert _entry("invitation.accepted") == (str(new.pk), str(made.pk), "ok")


def test_deleting_an_invitation() -> None:
    administrator = make_person("administrator", "Administrators", is_staff=True)
    rows = [Invitation.objects.create(email=f"{name}@example.test").pk for name in ("one", "two")]
    browser = proven(administrator)
    browser.post(f"/admin/accounts/invitation/{rows[0]}/delete/", {"post": "yes"})
    browser.post(
        "/admin/accounts/invitation/",
        {"action": "delete_selected", "_selected_action": [rows[1]], "post": "yes"},
    )
    entries = Entry.objects.filter(action="invitation.deleted", actor_id=str(administrator.pk))
    assert {each.target_id for each in entries} == {str(pk) for pk in rows}


def test_another_address(person: Any, code: Any) -> None:
    browser = proven(person)
    browser.post("/accounts/email/", {"action_add": "", "email": "Other.One@example.test"})
    browser.post("/accounts/confirm-email/", {"code": code("other.one@example.test")})
    assert _entry("account.email_verified") == _own(person)
    changed = Entry.objects.get(action="account.email_changed")
    assert changed.identifiers == {"former": "c…@example.test", "email": "o…@example.test"}
    assert EmailAddress.objects.get(primary=True).email == "other.one@example.test"
    assert "other.one" not in str(list(Entry.objects.values())).lower()


def test_a_limit_that_was_reached_is_one_entry(client: Client, person: Any) -> None:
    for number in range(12):
        client.post("/accounts/login/", {"login": person.email, "password": f"guess number {number}"})
    assert _entry("limit.reached") == _about(person, "refused")
    assert Entry.objects.get(action="limit.reached").identifiers["limit"] == "password"
