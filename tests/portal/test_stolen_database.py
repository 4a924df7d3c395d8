"""A copy of the database opens no account and shows nothing that sessions, mails and caches hold."""

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.models import Invitation
from accounts.services.invitations import send_invitation
from background.models import OutgoingMail
from integrations.models import Customer
from tests.exams.rows import make_service
from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db
# Not the key of the tests.
OTHER_KEY = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="
TOKEN = "Kx9_" + "t0" * 19 + "-"
SEARCH = "Quicksilverova"
LOGIN = "/accounts/login/"


def _stolen() -> str:
    """Return every row of every table as text."""
    with connection.cursor() as cursor:
        lines = []
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            lines += [repr(row) for row in cursor.fetchall()]
    return "\n".join(lines)


def _session(browser: Client) -> str:
    return str(browser.cookies["portal_session"].value)


def _mailed(address: str, pattern: str) -> str:
    body = OutgoingMail.objects.to(address).latest("pk").body
    found = re.search(pattern, body, re.MULTILINE)
    assert found, body
    return found[1]


def _is_logged_in(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


def _log_in(browser: Client, user: Any) -> None:
    browser.post(LOGIN, {"login": user.email, "password": PASSWORD})
    assert _is_logged_in(browser)


def test_no_credential_and_no_search_is_stored_in_plain_text() -> None:
    rita = make_person("rita", "Reviewers")
    secrets = []
    reviewer = Client()
    _log_in(reviewer, rita)
    found = reviewer.post("/worklist/search/", {"words": SEARCH})
    assert SEARCH in reviewer.get(found["Location"]).content.decode()
    secrets += [_session(reviewer), SEARCH]
    forgetful = Client()
    forgetful.post("/accounts/password/reset/", {"email": rita.email})
    secrets += [_session(forgetful), _mailed(rita.email, r"^([A-Z0-9-]{6,12})$")]
    newcomer = Client()
    newcomer.get(f"/connect/{make_service().slug}/", {"token": TOKEN})
    fields = {"email": "new@example.test", "password1": PASSWORD, "password2": PASSWORD}
    newcomer.post("/accounts/signup/", fields)
    secrets += [_session(newcomer), TOKEN, _mailed("new@example.test", r"^([A-Z0-9-]{6,12})$")]
    invitation = Invitation.objects.create(email="guest@example.test")
    send_invitation(invitation=invitation, actor=rita, address=None)
    secrets.append(_mailed("guest@example.test", r"/invitations/(\S+)/"))
    guest = Client()
    assert guest.get(f"/invitations/{secrets[-1]}/").status_code == 302
    secrets.append(_session(guest))
    stolen = _stolen()
    plain = [each for each in secrets if each in stolen or each.replace("-", "") in stolen]
    assert not plain
    for address in ("new@example.test", "rita@example.test"):
        assert address not in "".join(repr(row) for row in OutgoingMail.objects.values_list())


def test_the_key_of_a_stored_session_opens_nothing() -> None:
    browser = logged_in(make_person("rita"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_key FROM django_session")
        ((stored,),) = cursor.fetchall()
    thief = Client()
    thief.cookies["portal_session"] = stored
    assert _is_logged_in(browser)
    assert thief.get("/preferences/").status_code == 302


def test_a_session_ends_at_log_out_and_in_the_database() -> None:
    browser = logged_in(make_person("rita"))
    former = _session(browser)
    browser.post("/accounts/logout/")
    browser.cookies["portal_session"] = former
    assert browser.get("/preferences/").status_code == 302


def test_expired_sessions_are_removed_and_others_stay() -> None:
    browser, expired = logged_in(make_person("rita")), logged_in(make_person("else"))
    session = expired.session
    session.set_expiry(-60)
    session.save()
    call_command("clearsessions")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_session")
        assert cursor.fetchone() == (1,)
    assert browser.get("/preferences/").status_code == 200
    assert expired.get("/preferences/").status_code == 302


def test_a_new_encryption_key_keeps_sessions_and_a_lost_one_ends_them(settings: Any) -> None:
    rita = make_person("rita")
    browser = logged_in(rita)
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY, *settings.FIELD_ENCRYPTION_KEYS]
    assert browser.get("/preferences/").status_code == 200
    settings.FIELD_ENCRYPTION_KEYS = settings.FIELD_ENCRYPTION_KEYS[1:]
    browser = logged_in(rita)
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]
    assert browser.get("/preferences/").status_code == 302
    _log_in(browser, rita)


def test_a_new_secret_key_ends_every_session(settings: Any) -> None:
    browser = logged_in(make_person("rita"))
    settings.SECRET_KEY = "another-" * 8
    assert browser.get("/preferences/").status_code == 302


def test_a_damaged_session_is_logged_out() -> None:
    browser = logged_in(make_person("rita"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_session SET session_data = 'damaged'")
    assert browser.get("/preferences/").status_code == 302


def test_what_is_cached_is_encrypted_and_forgotten_without_its_key(settings: Any) -> None:
    cache.set("search:rita@example.test", {"name": SEARCH}, 60)
    stolen = _stolen()
    assert SEARCH not in stolen
    assert "rita" not in stolen
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]
    assert cache.get("search:rita@example.test", "nothing") == "nothing"


def test_an_encrypted_column_refuses_a_search_that_would_find_nothing() -> None:
    for lookup in ("token", "token__contains", "token__in"):
        with pytest.raises(FieldError):
            Customer.objects.filter(**{lookup: TOKEN}).exists()
    assert not Customer.objects.filter(token="").exists()
