"""Wrong passwords and codes slow their network down, and never lock the owner out."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.services.attempts import NETWORK
from audit.models import Entry
from background.models import OutgoingMail
from portal.models import CacheRow
from tests.exams.rows import in_parallel
from tests.people import PASSWORD, make_person

pytestmark = pytest.mark.django_db
FREE = NETWORK.free
EMAIL = "new@example.test"
ATTACKER, OWNER = "198.51.100.7", "203.0.113.5"
TOO_MANY = "Too many wrong passwords. Try again in"
FRESH = "another-long-pass-phrase"


@pytest.fixture(autouse=True)
def person(db: None) -> Any:
    return make_person("new")


def _log_in(client: Client, *, password: str = PASSWORD, email: str = EMAIL, address: str = OWNER) -> Any:
    data = {"login": email, "password": password}
    return client.post("/accounts/login/", data, REMOTE_ADDR=address)


def _fail(times: int, *, email: str = EMAIL, address: str = ATTACKER, client: Client | None = None) -> str:
    """Enter wrong passwords, and return the last answer."""
    for _ in range(times):
        answer = _log_in(client or Client(), password="wrong", email=email, address=address)
    return str(answer.content.decode())


def _attack(person_email: str = EMAIL) -> None:
    """Enter ten wrong passwords from as many networks."""
    for number in range(10):
        _fail(1, email=person_email, address=f"198.51.100.{number}")


def _known_device(address: str = OWNER) -> Client:
    """Return a browser without a session on which the account has logged in before."""
    client = Client()
    assert _log_in(client, address=address)["Location"] == "/"
    client.post("/accounts/logout/")
    return client


def _is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


class TestWaits:
    """Failures of a network wait longer and longer; what other networks did is not held against it."""

    def test_the_owner_logs_in_elsewhere_whatever_an_attacker_did(self) -> None:
        assert TOO_MANY in _fail(6)
        owner = Client()
        assert _log_in(owner)["Location"] == "/"
        assert _is_in(owner)

    def test_the_right_password_waits_too_so_that_a_guess_is_not_revealed(self) -> None:
        _fail(5)
        guesser = Client()
        answer = _log_in(guesser, address=ATTACKER).content.decode()
        assert "Try again in 30 seconds. You can reset your password at once." in answer
        assert not _is_in(guesser)

    def test_each_wait_is_twice_as_long_up_to_a_quarter_of_an_hour(self, let_time_pass: Any) -> None:
        _fail(5)
        waits = []
        for _ in range(7):
            answer = _fail(1)
            waits.append(answer.partition(TOO_MANY)[2].partition(".")[0].strip())
            let_time_pass()
            assert TOO_MANY not in _fail(1)
        assert waits == [
            "30 seconds",
            "1 minute",
            "2 minutes",
            "4 minutes",
            "8 minutes",
            "15 minutes",
            "15 minutes",
        ]

    def test_a_refused_attempt_does_not_make_the_wait_longer(self, let_time_pass: Any) -> None:
        _fail(30)
        let_time_pass()
        guesser = Client()
        assert _log_in(guesser, address=ATTACKER)["Location"] == "/"

    def test_a_log_in_forgets_the_failures_of_its_account_in_its_network(self) -> None:
        _fail(4)
        _log_in(Client(), address=ATTACKER)
        assert TOO_MANY not in _fail(4)

    def test_a_network_that_tries_many_accounts_waits_whichever_is_next(self) -> None:
        for number in range(FREE):
            assert TOO_MANY not in _fail(1, email=f"nobody{number}@example.test")
        assert TOO_MANY in _fail(1, email="somebody@example.test")
        assert TOO_MANY in _log_in(Client(), address=ATTACKER).content.decode()

    def test_an_own_account_does_not_reset_the_count_of_the_network(self) -> None:
        make_person("mine")
        for number in range(FREE):
            _fail(1, email=f"nobody{number}@example.test")
            _log_in(Client(), email="mine@example.test", address=ATTACKER)
        assert TOO_MANY in _fail(1, email="somebody@example.test")

    def test_mistakes_of_a_network_never_add_up_over_hours(self) -> None:
        for number in range(FREE - 1):
            _fail(1, email=f"nobody{number}@example.test")
        # They end an hour after the first of them, not after the last.
        counted = {json.loads(row.value): row.expires_at for row in CacheRow.objects.all()}
        _fail(1, email="somebody@example.test")
        later = {json.loads(row.value): row.expires_at for row in CacheRow.objects.all()}
        assert later[FREE] == counted[FREE - 1]

    def test_the_addresses_of_an_ipv6_network_are_one_client(self) -> None:
        for number in range(5):
            _fail(1, address=f"2001:db8:0:1::{number:x}")
        assert TOO_MANY in _fail(1, address="2001:db8:0:1:ffff::1")
        assert TOO_MANY not in _fail(1, address="2001:db8:0:2::1")

    def test_ipv4_clients_of_an_ipv6_server_are_counted_apart(self) -> None:
        _fail(5, address="::ffff:198.51.100.7")
        assert TOO_MANY in _fail(1, address="198.51.100.7")
        assert TOO_MANY not in _fail(1, address="::ffff:198.51.100.8")

    def test_behind_a_trusted_proxy_the_client_counts_and_nothing_it_writes(self, settings: Any) -> None:
        settings.TRUSTED_PROXY_COUNT = 1
        data = {"login": EMAIL, "password": "wrong"}

        def fail(forwarded: str) -> str:
            answer = Client().post(
                "/accounts/login/", data, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded
            )
            return str(answer.content.decode())

        for number in range(5):
            fail(f"6.6.6.{number}, {ATTACKER}")
        assert TOO_MANY in fail(f"7.7.7.7, {ATTACKER}")
        assert TOO_MANY not in fail(f"{ATTACKER}, {OWNER}")

    @pytest.mark.django_db(transaction=True)
    def test_parallel_guesses_pass_no_more_often_than_one_after_the_other(self) -> None:
        answers = in_parallel(12, lambda: _fail(1))
        checked = [each for each in answers if "do not belong together" in each]
        assert 1 <= len(checked) <= 5
        assert sum(TOO_MANY in each for each in answers) == 12 - len(checked)

    def test_an_unknown_address_waits_like_an_account(self) -> None:
        answers = [
            _fail(6, email=email, address=f"192.0.2.{n}")
            for n, email in enumerate((EMAIL, "no@example.test"))
        ]
        assert all(TOO_MANY in each for each in answers)


class TestKnownDevices:
    """A device on which the account has logged in is not held back by others in its network."""

    def test_it_logs_in_from_a_network_that_must_wait(self) -> None:
        device = _known_device(ATTACKER)
        _fail(6)
        for number in range(FREE):
            _fail(1, email=f"nobody{number}@example.test")
        assert _log_in(device, address=ATTACKER)["Location"] == "/"

    def test_the_cookie_outlives_the_session_and_the_log_out(self) -> None:
        device = _known_device()
        # The header would clear this cookie too.
        assert "Clear-Site-Data" not in device.post("/accounts/logout/").headers
        cookie = device.cookies["portal_device"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
        assert int(cookie["max-age"]) == 180 * 24 * 3600
        assert cookie.value
        assert not _is_in(device)

    def test_it_is_known_to_its_account_only(self) -> None:
        make_person("other")
        device = _known_device(ATTACKER)
        _fail(6, email="other@example.test")
        answer = _log_in(device, email="other@example.test", address=ATTACKER)
        assert TOO_MANY in answer.content.decode()

    def test_a_shared_computer_is_known_to_everybody_who_has_logged_in_on_it(self) -> None:
        make_person("other")
        device = _known_device()
        assert _log_in(device, email="other@example.test")["Location"] == "/"
        device.post("/accounts/logout/")
        for email in (EMAIL, "other@example.test"):
            _fail(6, email=email)
            assert _log_in(device, email=email, address=ATTACKER)["Location"] == "/"
            device.post("/accounts/logout/")
        assert Entry.objects.filter(action="account.device_known").count() == 2

    def test_a_new_password_makes_every_device_unknown(self, person: Any) -> None:
        device = _known_device()
        person.set_password(FRESH)
        person.save()
        _fail(6)
        answer = _log_in(device, password=FRESH, address=ATTACKER)
        assert TOO_MANY in answer.content.decode()

    @pytest.mark.parametrize("cookie", ["", "nonsense", "gAAAAABnonsense", "é"])
    def test_a_made_up_cookie_makes_no_device_known(self, cookie: str) -> None:
        client = Client()
        client.cookies["portal_device"] = cookie
        _fail(6)
        assert TOO_MANY in _log_in(client, address=ATTACKER).content.decode()

    def test_it_stays_known_while_encryption_keys_are_rotated(self, settings: Any) -> None:
        device = _known_device()
        settings.FIELD_ENCRYPTION_KEYS = [
            "bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy0=",
            *settings.FIELD_ENCRYPTION_KEYS,
        ]
        settings.SECRET_KEY = "another-" * 8
        _fail(6)
        assert _log_in(device, address=ATTACKER)["Location"] == "/"

    def test_a_stolen_device_that_guesses_is_soon_treated_like_any_other(self) -> None:
        device = _known_device(ATTACKER)
        _fail(10, client=device)
        assert TOO_MANY not in _fail(5, client=device)
        assert TOO_MANY in _fail(1, client=device)

    def test_it_is_audited_once_for_an_account(self, person: Any) -> None:
        device = _known_device()
        _log_in(device)
        entry = Entry.objects.get(action="account.device_known")
        assert (entry.actor_id, entry.target_id, entry.address) == (str(person.pk), str(person.uuid), OWNER)

    def test_under_https_the_cookie_belongs_to_this_host_alone(self, settings: Any) -> None:
        settings.SESSION_COOKIE_SECURE = True
        settings.DEVICE_COOKIE_NAME = "__Host-portal_device"
        client = Client()
        _log_in(client)
        cookie = client.cookies["__Host-portal_device"]
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


class TestManyFailures:
    """After many failures on an account, unknown devices need a code, and its owner is mailed."""

    def test_an_unknown_device_is_asked_for_a_code_and_never_refused(self, code: Any) -> None:
        _attack()
        owner = Client()
        assert _log_in(owner)["Location"] == "/accounts/login/code/confirm/"
        assert not _is_in(owner)
        assert "We sent a code to" in owner.get("/accounts/login/code/confirm/").content.decode()
        assert owner.post("/accounts/login/code/confirm/", {"code": "WRONG1"}).status_code == 200
        done = owner.post("/accounts/login/code/confirm/", {"code": code(EMAIL)}, REMOTE_ADDR=OWNER)
        assert done["Location"] == "/"
        assert _is_in(owner)
        owner.post("/accounts/logout/")
        assert _log_in(owner)["Location"] == "/"

    def test_a_known_device_needs_no_code(self) -> None:
        device = _known_device()
        _attack()
        assert _log_in(device)["Location"] == "/"
        assert _is_in(device)

    def test_a_reset_password_needs_no_second_code(self, code: Any) -> None:
        _attack()
        owner = Client()
        owner.post("/accounts/password/reset/", {"email": EMAIL}, REMOTE_ADDR=OWNER)
        owner.post("/accounts/password/reset/confirm/", {"code": code(EMAIL)}, REMOTE_ADDR=OWNER)
        new = {"password1": FRESH, "password2": FRESH}
        assert owner.post("/accounts/password/reset/complete/", new, REMOTE_ADDR=OWNER)["Location"] == "/"
        assert _log_in(Client(), password=FRESH)["Location"] == "/"

    def test_they_are_audited_with_the_account_and_mailed_once_a_day(self, person: Any) -> None:
        _attack()
        for number in range(10):
            _fail(1, address=f"192.0.2.{number}")
        entry = Entry.objects.get(action="account.too_many_failures")
        assert (entry.actor_id, entry.target_id, entry.outcome) == ("", str(person.uuid), "code_needed")
        assert entry.address == "198.51.100.9"
        mail = OutgoingMail.objects.to(EMAIL).get()
        assert mail.subject == "Failed log-ins to your portal account"
        assert "You can still log in." in mail.body

    def test_wrong_codes_count_like_wrong_passwords(self, person: Any) -> None:
        for number in range(4):
            attacker = Client(REMOTE_ADDR=f"198.51.100.{number}")
            attacker.post("/accounts/password/reset/", {"email": EMAIL})
            for _ in range(3):
                attacker.post("/accounts/password/reset/confirm/", {"code": "WRONG1"})
        assert Entry.objects.get(action="account.too_many_failures").target_id == str(person.uuid)
        assert _log_in(Client())["Location"] == "/accounts/login/code/confirm/"

    def test_failures_on_an_address_without_an_account_are_neither_audited_nor_mailed(self) -> None:
        _attack("no@example.test")
        assert not Entry.objects.filter(action="account.too_many_failures").exists()
        assert not OutgoingMail.objects.exists()

    def test_who_knows_the_password_cannot_fill_the_mailbox_with_codes(self) -> None:
        _attack()
        answers = [_log_in(Client(), address=ATTACKER) for _ in range(6)]
        assert [each.status_code for each in answers] == [302] * 5 + [429]
        assert "Wait 30 seconds" in answers[-1].content.decode()
        assert answers[-1]["Retry-After"] == "30"
        assert _log_in(Client())["Location"] == "/accounts/login/code/confirm/"
