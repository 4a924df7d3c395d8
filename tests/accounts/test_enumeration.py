"""No entrance tells by its answer or by its work whether an address has an account."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from audit.models import Entry
from background.models import OutgoingMail
from integrations.models import Service
from tests.people import PASSWORD, make_person

pytestmark = pytest.mark.django_db
HERE, NOT_HERE = "new@example.test", "no@example.test"
PURGE = 'DELETE FROM "portal_cacherow" WHERE "portal_cacherow"."expires_at"'
TOKEN = "made-up_" + "x" * 35


class CountingHasher(MD5PasswordHasher):
    """The suite's quick hasher, which counts how often it hashes."""

    count = 0

    def encode(self, password: str, salt: str) -> str:
        """Hash and count."""
        CountingHasher.count += 1
        return str(super().encode(password, salt))


@pytest.fixture(autouse=True)
def people(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    make_person("new")


def _sign_up(client: Client, email: str) -> Any:
    client.get("/connect/echo/", {"token": TOKEN})
    return lambda: client.post(
        "/accounts/signup/", {"email": email, "password1": PASSWORD, "password2": PASSWORD}
    )


def _log_in(client: Client, email: str) -> Any:
    return lambda: client.post("/accounts/login/", {"login": email, "password": "wrong"})


def _reset(client: Client, email: str) -> Any:
    return lambda: client.post("/accounts/password/reset/", {"email": email})


def _work(prepare: Callable[[Client, str], Any], email: str, address: str) -> tuple[Any, int, Counter[str]]:
    """Return the answer, the number of hashes, and how often each kind of statement ran."""
    call = prepare(Client(REMOTE_ADDR=address), email)
    CountingHasher.count = 0
    with CaptureQueriesContext(connection) as queries:
        answer = call()
    statements = [query["sql"] for query in queries.captured_queries]
    # The cache removes what has expired by chance.
    kinds = Counter(each.split()[0] for each in statements if not each.startswith(PURGE))
    return answer, CountingHasher.count, kinds


@pytest.mark.parametrize("prepare", [_sign_up, _log_in, _reset])
def test_the_work_is_the_same_with_and_without_an_account(service: Service, prepare: Any) -> None:
    # Networks that the limits have not seen, so that these do the same too.
    here, hashes_here, kinds_here = _work(prepare, HERE, "192.0.2.1")
    gone, hashes_gone, kinds_gone = _work(prepare, NOT_HERE, "192.0.2.2")
    assert hashes_here == hashes_gone == (0 if prepare is _reset else 1)
    for write in ("INSERT", "UPDATE", "DELETE"):
        assert kinds_here[write] == kinds_gone[write], write
    # A read takes a fraction of a millisecond, and allauth makes some for an account that is new.
    assert abs(kinds_here["SELECT"] - kinds_gone["SELECT"]) <= 4
    assert _seen(here, HERE) == _seen(gone, NOT_HERE)
    assert OutgoingMail.objects.to(HERE).count() == (0 if prepare is _log_in else 1)
    assert OutgoingMail.objects.to(NOT_HERE).count() == (0 if prepare is _log_in else 1)


def _seen(answer: Any, email: str) -> tuple[int, str | None, str]:
    """Return what a visitor sees, without the address and the tokens of the forms."""
    text = answer.content.decode().replace(email, "ADDRESS")
    plain = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", text)
    return answer.status_code, answer.headers.get("Location"), plain


def test_a_sign_up_with_an_address_that_has_an_account_leaves_nothing_but_the_mail(service: Service) -> None:
    before = User.objects.values().get()
    _sign_up(Client(), HERE)()
    assert User.objects.values().get() == before
    assert OutgoingMail.objects.get().subject == "You already have a portal account"
    entry = Entry.objects.get(action="account.signed_up")
    assert (entry.target_id, entry.outcome) == (str(before["uuid"]), "exists")


def test_the_next_pages_are_the_same_too(service: Service) -> None:
    pages = []
    for number, email in enumerate((HERE, NOT_HERE)):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        _sign_up(client, email)()
        shown = [client.get("/accounts/confirm-email/")]
        shown += [client.post("/accounts/confirm-email/", {"code": "WRONG1"}) for _ in range(3)]
        pages.append([_seen(each, email) for each in shown])
    assert pages[0] == pages[1]


def test_every_token_gets_the_same_page_and_opens_sign_up(service: Service) -> None:
    pages = []
    for token in (TOKEN, "another_" + "y" * 35):
        client = Client()
        assert client.get("/connect/echo/", {"token": token}).status_code == 303
        pages.append([_seen(client.get(page), HERE) for page in ("/connect/echo/", "/accounts/signup/")])
    assert pages[0] == pages[1]
