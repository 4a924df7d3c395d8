"""The pages of a link belong to its account; each state has its own page."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from audit.models import Entry
from background.runner import run
from integrations.models import Customer, Link, Service
from integrations.services.linking.confirmation import CONFIRM
from integrations.services.linking.links import Outcome, link_customer
from integrations.services.linking.transitions import ALLOWED, NotAllowed, move_link
from integrations.views.links import CHECKS_PER_MINUTE
from tests.integrations.scripted import ScriptedCloud
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db
PAGES = ["", "status/", "unlink/", "not-me/"]


@pytest.fixture
def link(service: Service, clinician: Any, token: str) -> Link:
    made = link_customer(service=service, token=token, user=clinician, label="Dr. Osei", address=None).link
    assert made is not None
    return made


@pytest.fixture
def client(clinician: Any) -> Client:
    return logged_in(clinician)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("pending", "Confirming with Clarius Cloud"),
        ("confirmed", "You are connected to"),
        ("rejected", "Clarius Cloud does not list this account"),
        ("gone", "Clarius Cloud no longer lists this account"),
        ("unlinked", "This link has ended"),
    ],
)
def test_each_state_has_a_page_of_its_own(client: Client, link: Link, state: str, words: str) -> None:
    Link.objects.update(state=state)
    page = client.get(f"/links/{link.uuid}/").content.decode()
    fragment = client.get(f"/links/{link.uuid}/status/").content.decode()
    assert words in page
    assert words in fragment
    assert "<html" not in fragment
    # Only a page that may still change is refreshed.
    assert ("hx-trigger" in fragment) == (state == "pending")


def test_the_page_of_a_waiting_link_shows_that_the_cloud_is_away(
    client: Client, link: Link, scripted: ScriptedCloud
) -> None:
    scripted.script("POST", "services/customer-confirmations/", lambda: (503, {}))
    run(CONFIRM, pk=link.pk)
    page = client.get(f"/links/{link.uuid}/").content.decode()
    assert "cannot be reached. The portal tries again automatically" in page
    assert "ServerError" not in page


@pytest.mark.parametrize("page", PAGES)
def test_a_foreign_link_is_not_found_and_anonymous_people_log_in(
    link: Link, other_clinician: Any, page: str
) -> None:
    address = f"/links/{link.uuid}/{page}"
    administrator = make_person("administrator", "Administrators", is_staff=True)
    for stranger in (other_clinician, administrator):
        assert logged_in(stranger).get(address).status_code == 404
        assert logged_in(stranger).post(f"/links/{link.uuid}/unlink/").status_code == 404
        assert logged_in(stranger).post(f"/links/{link.uuid}/not-me/").status_code == 404
        assert logged_in(stranger).post(f"/links/{link.uuid}/check/").status_code == 404
    assert Client().get(address)["Location"].startswith("/accounts/login/?next=/links/")
    assert Link.objects.get().state == Link.State.PENDING


@pytest.mark.parametrize("page", PAGES)
def test_reading_a_page_changes_nothing(client: Client, link: Link, page: str) -> None:
    before = Link.objects.values().get()
    assert client.get(f"/links/{link.uuid}/{page}").status_code == 200
    assert Link.objects.values().get() == before


def test_unlinking_hides_the_customer_at_once(
    client: Client, link: Link, scripted: ScriptedCloud, token: str, clinician: Any
) -> None:
    scripted.tokens.add(token)
    run(CONFIRM, pk=link.pk)
    assert Customer.objects.held_by(clinician).exists()
    assert (
        b"Unlinking does not end your subscription in Clarius Cloud."
        in client.get(f"/links/{link.uuid}/unlink/").content
    )
    client.post(f"/links/{link.uuid}/unlink/")
    ended = Link.objects.get()
    assert (ended.state, ended.reason, ended.not_before) == (Link.State.UNLINKED, Link.Reason.BY_OWNER, None)
    assert not Customer.objects.held_by(clinician).exists()
    client.post(f"/links/{link.uuid}/unlink/")
    assert Entry.objects.filter(action="link.ended").count() == 1


def test_a_disputed_link_is_suspended_and_administrators_are_notified(
    client: Client, link: Link, clinician: Any, mails: Any
) -> None:
    make_person("administrator", "Administrators", is_staff=True)
    client.post(f"/links/{link.uuid}/not-me/")
    assert Link.objects.get().state == Link.State.UNLINKED
    assert mails("administrator@example.test") == ["An account holder did not create a link"]
    assert Entry.objects.filter(action="link.disputed", actor_id=str(clinician.pk)).count() == 1


@pytest.mark.usefixtures("one_minute")
def test_checking_again_makes_the_link_due_within_limits(client: Client, link: Link) -> None:
    Link.objects.update(not_before=None, attempt_count=3)
    client.post(f"/links/{link.uuid}/check/")
    asked = Link.objects.get()
    assert (asked.not_before is not None, asked.attempt_count) == (True, 0)
    for _ in range(CHECKS_PER_MINUTE):
        client.post(f"/links/{link.uuid}/check/")
    assert Entry.objects.filter(action="link.checked").count() == CHECKS_PER_MINUTE
    assert client.get(f"/links/{link.uuid}/check/").status_code == 405


def test_a_customer_without_a_label_is_shown_by_its_hash(
    service: Service, clinician: Any, token: str
) -> None:
    link_customer(service=service, token=token, user=clinician, address=None)
    shown = str(Customer.objects.get())
    assert shown.startswith("Customer ")
    assert shown.removeprefix("Customer ").lower() not in token.lower()


@pytest.mark.parametrize("state", list(ALLOWED))
def test_no_link_makes_a_transition_that_is_not_allowed(link: Link, state: str) -> None:
    Link.objects.update(state=state)
    for to in set(ALLOWED) - ALLOWED[state]:
        with pytest.raises(NotAllowed):
            move_link(pk=link.pk, to=to)
    assert Link.objects.get().state == state


@pytest.mark.django_db(transaction=True)
def test_one_of_ten_accounts_gets_a_token_that_they_claim_at_once(service: Service, token: str) -> None:
    people = [make_person(f"clinician{number}") for number in range(10)]
    outcomes: list[Outcome] = []
    start = threading.Barrier(len(people))

    def claim(person: Any) -> None:
        start.wait()
        try:
            outcomes.append(link_customer(service=service, token=token, user=person, address=None).outcome)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [Outcome.CONFIRMING] + [Outcome.REFUSED] * 9
    assert (Link.objects.count(), Customer.objects.count()) == (1, 1)
