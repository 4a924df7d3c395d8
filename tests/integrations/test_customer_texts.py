"""Texts about customers: who decided, whom to ask, who was invited, what was left out."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation
from audit.models import Entry
from background.models import OutgoingMail
from integrations.models import Customer, Link, Service
from integrations.services.changing import NotDone
from integrations.services.customers.changes import invite_customer
from tests.people import logged_in, make_person, proven

pytestmark = pytest.mark.django_db
LIST = "/admin/integrations/customer/"
PORTAL = "https://portal.example.com"


@pytest.fixture
def client(db: None, settings: Any) -> Client:
    settings.PUBLIC_URL = PORTAL
    return proven(make_person("administrator", "Administrators", is_staff=True))


def _customer(
    service: Service, digit: str, holder: Any = None, state: str = Link.State.CONFIRMED
) -> Customer:
    made = Customer.objects.create(
        service=service, token=digit * 43, token_digest=digit * 64, listed_at=timezone.now()
    )
    if holder is not None:
        Link.objects.create(customer=made, user=holder, state=state, confirmed_at=timezone.now())
    return made


def _do(client: Client, customer: Customer, action: str, **data: Any) -> str:
    holder = Link.objects.active().filter(customer=customer).first()
    sent = {"held_by": str(holder.uuid) if holder else ""} | data
    return client.post(f"{LIST}{customer.pk}/do/{action}/", sent, follow=True).content.decode()


@pytest.mark.parametrize("state", [Link.State.CONFIRMED, Link.State.PENDING])
def test_a_clinician_reads_that_an_administrator_ended_the_link(
    client: Client, service: Service, clinician: Any, state: str
) -> None:
    _do(client, _customer(service, "a", clinician, state), "gone")
    mail = OutgoingMail.objects.to(clinician.email).get()
    page = logged_in(clinician).get(f"/links/{Link.objects.get().uuid}/").content.decode()
    assert "An administrator ended the connection" in mail.body
    assert f"ask an administrator of the portal: {PORTAL}" in mail.body
    assert "An administrator of this portal ended this link." in page
    for text in (mail.body, page):
        assert "press" in text.lower()
        assert "does not list" not in text
        assert "no longer lists" not in text


def test_a_transfer_says_whom_to_ask(
    client: Client, service: Service, clinician: Any, other_clinician: Any
) -> None:
    customer = _customer(service, "a", clinician)
    _do(client, customer, "transfer", email=other_clinician.email, reason="Left the practice")
    mail = OutgoingMail.objects.to(clinician.email).get()
    assert f"ask an administrator of the portal: {PORTAL}" in mail.body


def test_the_same_address_is_invited_again_only_when_that_is_meant(client: Client, service: Service) -> None:
    customer = _customer(service, "a")
    assert "is_again" not in _do(client, customer, "invite", email="not an address")
    _do(client, customer, "invite", email="owner@example.test")
    assert "owner@example.test" in client.get(f"{LIST}{customer.pk}/change/").content.decode()
    page = _do(client, customer, "invite", email="Owner@example.test")
    assert "owner@example.test was invited just now. Tick this" in page
    assert OutgoingMail.objects.count() == 1
    again = {"email": "Owner@example.test", "is_again": "on"}
    assert "invited less than a minute ago. No second mail" in _do(client, customer, "invite", **again)
    assert (OutgoingMail.objects.count(), Invitation.objects.count()) == (1, 1)
    Customer.objects.update(invited_at=timezone.now() - timedelta(minutes=2))
    assert "was invited." in _do(client, customer, "invite", **again)
    # Another address needs no confirmation.
    assert "was invited." in _do(client, customer, "invite", email="partner@example.test")
    assert OutgoingMail.objects.count() == 3
    Customer.objects.update(invited_at=timezone.now() - timedelta(days=1, minutes=1))
    assert "was invited." in _do(client, customer, "invite", email="partner@example.test")


@pytest.mark.parametrize("has_account", [False, True])
def test_two_requests_at_once_invite_once(service: Service, clinician: Any, has_account: bool) -> None:
    administrator = make_person("second", "Administrators", is_staff=True)
    customer, email = _customer(service, "a"), clinician.email if has_account else "owner@example.test"
    # Both have read the customer before either writes.
    invite_customer(customer=customer, email=email, user=administrator, address=None)
    with pytest.raises(NotDone, match="No second mail was sent"):
        invite_customer(customer=customer, email=email.upper(), user=administrator, address=None)
    assert (OutgoingMail.objects.count(), Invitation.objects.count()) == (1, 0 if has_account else 1)
    assert Entry.objects.filter(action="customer.invited").count() == 1


def test_customers_that_were_left_out_of_a_bulk_action_are_named(
    client: Client, service: Service, clinician: Any
) -> None:
    rows = [_customer(service, "a", clinician), _customer(service, "b", clinician), _customer(service, "c")]
    Link.objects.update(not_before=None)
    chosen = {"action": "ask_again", "_selected_action": [row.pk for row in rows]}
    page = client.post(LIST, chosen, follow=True).content.decode()
    assert "2 of 3 customers will be confirmed with Clarius Cloud. No account holds the others" in page
    assert Link.objects.filter(not_before__isnull=False).count() == 2


@pytest.mark.parametrize(
    ("action", "message"),
    [("ask_again", "will be confirmed with Clarius Cloud"), ("suspend", "were suspended")],
)
def test_links_that_were_left_out_of_a_bulk_action_are_named(
    client: Client, service: Service, clinician: Any, action: str, message: str
) -> None:
    _customer(service, "a", clinician)
    _customer(service, "b", clinician, Link.State.UNLINKED)
    chosen = {
        "action": action,
        "confirmed": "yes",
        "_selected_action": list(Link.objects.values_list("pk", flat=True)),
    }
    page = client.post("/admin/integrations/link/", chosen, follow=True).content.decode()
    assert f"1 of 2 links {message}. The others had already ended." in page
