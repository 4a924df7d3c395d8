"""Actions of administrators on a customer: confirm again, mark as gone, describe, transfer, invite."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation
from audit.models import Entry
from background.models import OutgoingMail
from integrations.models import Customer, Link, Service, Sync
from integrations.services.changing import NotDone
from integrations.services.customers.changes import mark_gone
from integrations.services.linking.links import link_customer
from integrations.services.sync import find_sync
from tests.people import make_person, proven

pytestmark = pytest.mark.django_db
LIST = "/admin/integrations/customer/"
CONFIRM = "services/customer-confirmations/"


@pytest.fixture
def administrator(db: None) -> Any:
    return make_person("administrator", "Administrators", is_staff=True)


@pytest.fixture
def client(administrator: Any) -> Client:
    return proven(administrator)


@pytest.fixture
def customer(service: Service, token: str, clinician: Any) -> Customer:
    """One that the clinician holds, confirmed, with a label of theirs."""
    made = link_customer(service=service, token=token, user=clinician, label="Dr. Osei", address=None).link
    assert made is not None
    Customer.objects.update(label=made.label)
    Link.objects.update(state=Link.State.CONFIRMED, confirmed_at=timezone.now(), not_before=None)
    OutgoingMail.objects.all().delete()
    return Customer.objects.get()


@pytest.fixture
def unheld(service: Service) -> Customer:
    """One that the Cloud lists and nobody holds."""
    return Customer.objects.create(
        service=service, token="U" * 43, token_digest="d" * 64, listed_at=timezone.now()
    )


def _page(customer: Customer, action: str) -> str:
    return f"{LIST}{customer.pk}/do/{action}/"


def _do(client: Client, customer: Customer, action: str, **data: Any) -> str:
    holder = Link.objects.active().filter(customer=customer).first()
    data = {"held_by": str(holder.uuid) if holder else ""} | data
    return client.post(_page(customer, action), data, follow=True).content.decode()


def _outcomes(action: str) -> list[str]:
    return list(Entry.objects.filter(action=action).values_list("outcome", flat=True))


def test_customers_are_listed_by_state_and_service(
    client: Client, customer: Customer, unheld: Customer
) -> None:
    text = client.get(LIST).content.decode()
    assert "Dr. Osei" in text
    assert "Customer DDDD" in text
    for status, shown, hidden in (
        ("confirmed", "Dr. Osei", "Customer DDDD"),
        ("unknown_here", "Customer DDDD", "Dr. Osei"),
    ):
        text = client.get(LIST, {"status": status}).content.decode()
        assert shown in text
        assert hidden not in text
    page = client.get(f"{LIST}{customer.pk}/change/").content.decode()
    assert "clinician@example.test" in page
    assert "Transfer to another account" in page
    assert "Invite its owner" not in page
    assert "Invite its owner" in client.get(f"{LIST}{unheld.pk}/change/").content.decode()


def test_the_services_page_counts_customers_as_their_list_does(
    client: Client, customer: Customer, unheld: Customer, service: Service, other_clinician: Any
) -> None:
    # Gone once, and linked again since.
    Link.objects.create(customer=unheld, user=other_clinician, state=Link.State.GONE)
    Link.objects.create(customer=unheld, user=other_clinician, state=Link.State.CONFIRMED)
    Customer.objects.filter(pk=customer.pk).update(missed_sync_count=1)
    for index, listed_at in enumerate((timezone.now(), timezone.now(), None)):
        Customer.objects.create(
            service=service, token="V" * 43, token_digest=f"{index}" * 64, listed_at=listed_at
        )
    facts = dict(client.get(f"/admin/integrations/service/{service.pk}/change/").context["health"].sections)
    counts = {}
    for fact in facts["Customers"]:
        counts[fact.label] = fact.text
        assert client.get(fact.url).context["cl"].result_count == int(fact.text)
    assert {label: text for label, text in counts.items() if text != "0"} == {
        "Confirmed": "1",
        "Linked here, missing from the last sync": "1",
        "No portal account": "2",
        "Not linked": "1",
    }


def test_confirming_again_asks_the_cloud_and_says_what_it_said(
    client: Client, customer: Customer, scripted: Any, token: str
) -> None:
    scripted.tokens.add(token)
    Customer.objects.update(missed_sync_count=1, missed_at=timezone.now())
    assert "Clarius Cloud confirmed this customer." in _do(client, customer, "confirm")
    assert scripted.count("POST", CONFIRM) == 1
    assert Customer.objects.get().missed_sync_count == 0
    assert _outcomes("customer.confirmed") == ["ok"]


def test_a_pending_link_is_confirmed_at_once(
    client: Client, customer: Customer, scripted: Any, token: str, clinician: Any
) -> None:
    Link.objects.update(state=Link.State.PENDING, confirmed_at=None)
    scripted.tokens.add(token)
    _do(client, customer, "confirm")
    assert list(Customer.objects.held_by(clinician)) == [customer]
    assert Service.objects.get().full_poll_due_at is not None


def test_a_customer_the_cloud_does_not_know_ends_as_gone(
    client: Client, customer: Customer, mails: Any, clinician: Any
) -> None:
    page = _do(client, customer, "confirm")
    assert (
        "Clarius Cloud does not know this. Its link has ended, and its account was notified by mail." in page
    )
    assert Link.objects.get().state == Link.State.GONE
    assert _outcomes("customer.confirmed") == ["not_found"]
    assert mails(clinician.email) == ["Your connection to Echo reading has ended"]


@pytest.mark.parametrize("status", [500, 429, 302])
def test_a_cloud_that_cannot_answer_changes_nothing(
    client: Client, customer: Customer, scripted: Any, status: int
) -> None:
    scripted.script("POST", CONFIRM, lambda: (status, {}))
    page = client.post(_page(customer, "confirm"))
    assert page.status_code == 200
    assert page.context["form"].non_field_errors()[0].endswith("Nothing was changed in the portal.")
    assert Link.objects.get().state == Link.State.CONFIRMED
    assert _outcomes("customer.confirmed") == ["failed"]
    assert not OutgoingMail.objects.exists()


def test_a_refused_key_says_so_and_opens_the_circuit(
    client: Client, customer: Customer, scripted: Any
) -> None:
    scripted.keys.clear()
    assert "refuses every stored API key" in _do(client, customer, "confirm")
    assert Service.objects.get().circuit_opened_at is not None
    calls = len(scripted.calls)
    assert "refuses every stored API key" in _do(client, customer, "confirm")
    assert len(scripted.calls) == calls


def test_a_link_that_is_gone_is_restored_for_its_account(
    client: Client, customer: Customer, scripted: Any, token: str, clinician: Any, mails: Any
) -> None:
    _do(client, customer, "gone")
    assert Link.objects.get().reason == Link.Reason.MARKED
    assert not Customer.objects.held_by(clinician).exists()
    scripted.tokens.add(token)
    _do(client, customer, "confirm")
    assert list(Customer.objects.held_by(clinician)) == [customer]
    assert Link.objects.count() == 2
    # Without it, the last mail would say that the connection has ended.
    assert mails(clinician.email)[-1] == "Your account is connected to Echo reading again"


def test_a_link_that_its_owner_ended_is_not_restored(
    client: Client, customer: Customer, scripted: Any, token: str
) -> None:
    Link.objects.update(state=Link.State.UNLINKED)
    scripted.tokens.add(token)
    assert "No account holds this customer." in _do(client, customer, "confirm")
    assert scripted.count("POST", CONFIRM) == 0
    assert Link.objects.get().state == Link.State.UNLINKED


def test_marking_gone_tells_the_account_and_keeps_the_customer(
    client: Client, customer: Customer, administrator: Any, mails: Any, clinician: Any
) -> None:
    assert client.get(_page(customer, "gone")).status_code == 200
    assert Link.objects.get().state == Link.State.CONFIRMED
    _do(client, customer, "gone")
    assert Link.objects.get().state == Link.State.GONE
    assert mails(clinician.email) == ["Your connection to Echo reading has ended"]
    assert Entry.objects.get(action="customer.marked_gone").actor_id == str(administrator.pk)
    assert "No account holds this customer." in _do(client, customer, "gone")


@pytest.mark.parametrize("action", ["gone", "transfer"])
def test_a_page_that_named_another_account_ends_nobody_elses_link(
    client: Client, customer: Customer, other_clinician: Any, action: str
) -> None:
    page = client.get(_page(customer, action)).content.decode()
    named = str(Link.objects.get().uuid)
    assert named in page
    Link.objects.update(state=Link.State.UNLINKED, ended_at=timezone.now())
    Link.objects.create(customer=customer, user=other_clinician, state=Link.State.CONFIRMED)
    data = {"held_by": named, "email": "clinician@example.test", "reason": "Left"}
    assert "Another account holds this customer now." in _do(client, customer, action, **data)
    assert Link.objects.confirmed().get().user == other_clinician
    assert not OutgoingMail.objects.exists()


def test_a_link_that_ends_while_it_is_decided_is_not_said_to_be_ended_by_it(
    customer: Customer, administrator: Any
) -> None:
    link = Link.objects.with_customer().get()
    Link.objects.update(state=Link.State.UNLINKED, ended_at=timezone.now())
    with pytest.raises(NotDone, match="has ended"):
        mark_gone(link=link, user=administrator, address=None)
    assert _outcomes("customer.marked_gone") == []


def test_a_transfer_takes_a_reason_and_tells_both_accounts(
    client: Client, customer: Customer, clinician: Any, other_clinician: Any, mails: Any
) -> None:
    data = {"email": other_clinician.email.upper(), "reason": "Left the practice", "label": "Dr. Lindqvist"}
    assert "Both accounts will be notified" in _do(client, customer, "transfer", **data)
    former, new = Link.objects.order_by("pk")
    assert (former.state, former.user, former.detail) == ("unlinked", clinician, "Left the practice")
    assert (new.state, new.user) == ("pending", other_clinician)
    assert new.not_before is not None
    assert Customer.objects.get().label == "Dr. Lindqvist"
    assert mails(clinician.email) == ["A connection of your account to Echo reading was transferred"]
    assert mails(other_clinician.email) == ["A connection to Echo reading was transferred to your account"]
    assert not any("Left the practice" in mail.body for mail in OutgoingMail.objects.all())
    entry = Entry.objects.get(action="customer.transferred")
    assert entry.identifiers["former"] == str(clinician.uuid)
    assert "Left" not in str(entry.identifiers)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"email": "other@example.test", "reason": ""}, "This field is required"),
        ({"email": "nobody@example.test", "reason": "Left"}, "No active account has this address"),
        ({"email": "clinician@example.test", "reason": "Left"}, "Choose another account"),
        ({"email": "administrator@example.test", "reason": "Left"}, "cannot transfer a customer to yourself"),
    ],
)
def test_a_transfer_that_cannot_be_made_changes_nothing(
    client: Client, customer: Customer, other_clinician: Any, data: dict[str, str], problem: str
) -> None:
    assert problem in _do(client, customer, "transfer", **data)
    assert Link.objects.get().state == Link.State.CONFIRMED
    assert not OutgoingMail.objects.exists()


def test_an_account_that_is_switched_off_receives_no_customer(
    client: Client, customer: Customer, other_clinician: Any
) -> None:
    type(other_clinician).objects.filter(pk=other_clinician.pk).update(is_active=False)
    page = _do(client, customer, "transfer", email=other_clinician.email, reason="Left")
    assert "No active account" in page


def test_a_customer_that_nobody_holds_is_not_given_to_anybody(
    client: Client, unheld: Customer, other_clinician: Any
) -> None:
    page = _do(client, unheld, "transfer", email=other_clinician.email, reason="Wanted")
    assert "No account holds this customer." in page
    assert not Link.objects.exists()


def test_an_invitation_asks_to_press_connect_and_binds_nothing(client: Client, unheld: Customer) -> None:
    assert "Nothing is connected until" in _do(client, unheld, "invite", email="New@example.test")
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.is_reviewer) == ("new@example.test", False)
    mail = OutgoingMail.objects.get()
    (link,) = re.findall(r"/invitations/\S+", mail.body)
    assert Client().get(link)["Location"] == "/accounts/signup/"
    assert "press Connect" in mail.body
    assert not Link.objects.exists()
    assert unheld.token not in mail.body
    assert Customer.objects.get().invited_at is not None
    assert _outcomes("customer.invited") == ["ok"]


def test_somebody_with_an_account_is_asked_to_log_in(
    client: Client, unheld: Customer, clinician: Any
) -> None:
    _do(client, unheld, "invite", email=clinician.email)
    assert not Invitation.objects.exists()
    assert "/accounts/login/" in OutgoingMail.objects.get().body


def test_a_customer_that_is_held_needs_no_invitation(client: Client, customer: Customer) -> None:
    assert "holds this customer already" in _do(client, customer, "invite", email="new@example.test")
    assert not OutgoingMail.objects.exists()


def test_the_panel_shows_the_progress_of_a_sync_and_its_button_makes_one_due(
    client: Client, service: Service
) -> None:
    assert "Not read yet." in client.get(LIST).content.decode()
    page = client.post(f"{LIST}read-again/", {"service": service.pk}, follow=True)
    assert "Waiting for a worker." in page.content.decode()
    assert _outcomes("sync.requested") == ["ok"]
    sync = find_sync(service=service, kind=Sync.Kind.CUSTOMERS)
    soon = timezone.now() + timedelta(seconds=30)
    Sync.objects.filter(pk=sync.pk).update(lease_until=soon, seen_count=3000, expected_count=10_000)
    text = client.get(f"{LIST}panel/").content.decode()
    assert "3,000 of 10,000" in text
    assert "data-busy" in text
    done = {"lease_until": None, "not_before": soon, "read_at": timezone.now(), "result": "9 listed"}
    Sync.objects.filter(pk=sync.pk).update(**done, problem="Clarius Cloud failed to answer.")
    text = client.get(f"{LIST}panel/").content.decode()
    assert "data-busy" not in text
    assert "9 listed" in text
    assert "Clarius Cloud failed to answer." in text
    assert client.post(f"{LIST}read-again/", {"service": "x"}).status_code == 404
    assert client.get(f"{LIST}read-again/").status_code == 405


def test_actions_need_their_permission(customer: Customer) -> None:
    watcher = make_person("watcher", is_staff=True)
    permissions = Customer._meta.apps.get_model("auth", "Permission").objects
    watcher.user_permissions.add(permissions.get(codename="view_customer"))
    eyes = proven(watcher)
    page = eyes.get(f"{LIST}{customer.pk}/change/")
    assert page.status_code == 200
    assert "Mark as gone" not in page.content.decode()
    for action in ("confirm", "gone", "transfer", "invite"):
        assert eyes.get(_page(customer, action)).status_code == 403
        assert eyes.post(_page(customer, action), {}).status_code == 403
        assert Client().get(_page(customer, action)).status_code == 302
    assert Link.objects.get().state == Link.State.CONFIRMED


def test_an_action_that_does_not_exist_is_not_found(client: Client, customer: Customer) -> None:
    assert client.get(_page(customer, "delete")).status_code == 404
    assert client.get(f"{LIST}999/do/gone/").status_code == 404


def test_opening_a_page_runs_no_action(client: Client, customer: Customer, scripted: Any) -> None:
    for action in ("confirm", "gone", "transfer", "invite"):
        assert client.get(_page(customer, action)).status_code == 200
    assert scripted.calls == []
    assert Link.objects.get().state == Link.State.CONFIRMED
