"""Bulk actions on customers and links: few statements, a confirmation, and a limit."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Entry
from integrations.models import Customer, Link, Service
from tests.people import make_person, proven

pytestmark = pytest.mark.django_db
LINKS = "/admin/integrations/link/"
CUSTOMERS = "/admin/integrations/customer/"


@pytest.fixture
def client(db: None) -> Client:
    return proven(make_person("administrator", "Administrators", is_staff=True))


def _hold(service: Service, user: Any, count: int, **about: Any) -> list[Link]:
    """Make links of this many new customers."""
    began = Customer.objects.count()
    made = [
        Customer(service=service, token=f"{number:030d}", token_digest=f"{number:064d}")
        for number in range(began, began + count)
    ]
    state = {"state": Link.State.CONFIRMED, "confirmed_at": timezone.now()} | about
    customers = Customer.objects.bulk_create(made)
    return Link.objects.bulk_create(Link(customer=customer, user=user, **state) for customer in customers)


def _act(client: Client, page: str, action: str, **more: Any) -> Any:
    """Run an action on the whole list."""
    model = Link if page == LINKS else Customer
    first = model._default_manager.values_list("pk", flat=True)[:1]
    data = {"action": action, "select_across": "1", "_selected_action": list(first)}
    return client.post(page, data | more, follow=True)


def _messages(page: Any) -> str:
    return " ".join(str(message) for message in page.context["messages"])


def _named(page: Any) -> list[int]:
    """Return the rows that the confirmation page names in its form."""
    return [key for name, key in page.context["question"].hidden if name == "_selected_action"]


def _sent_again(client: Client, page: Any, path: str = LINKS) -> Any:
    """Confirm the action of the page."""
    data = {"action": "suspend", "confirmed": "yes", "_selected_action": _named(page)}
    return client.post(path, data, follow=True)


def test_suspending_asks_first_and_takes_exactly_the_rows_shown(
    client: Client, service: Service, clinician: Any, other_clinician: Any
) -> None:
    shown = _hold(service, clinician, 30)
    page = _act(client, LINKS, "suspend")
    text = page.content.decode()
    assert "30 selected; the first 20 are shown" in text
    assert "lose access to these customers" in text
    assert text.count('name="_selected_action"') == 30
    assert Link.objects.active().count() == 30
    _hold(service, other_clinician, 1)
    assert "30 of 30 links were suspended." in _messages(_sent_again(client, page))
    assert not Customer.objects.held_by(clinician).exists()
    assert Customer.objects.held_by(other_clinician).count() == 1
    ended = Link.objects.get(pk=shown[0].pk)
    assert (ended.state, ended.reason) == (Link.State.UNLINKED, Link.Reason.SUSPENDED)
    assert ended.ended_at is not None
    targets = set(Entry.objects.filter(action="link.suspended").values_list("target_id", flat=True))
    assert targets == {str(link.uuid) for link in shown}


def test_suspending_keeps_to_the_filter_of_the_list(client: Client, service: Service, clinician: Any) -> None:
    _hold(service, clinician, 2)
    _hold(service, clinician, 3, state=Link.State.PENDING, confirmed_at=None)
    page = _act(client, f"{LINKS}?state__exact=pending", "suspend")
    assert len(_named(page)) == 3
    _sent_again(client, page, f"{LINKS}?state__exact=pending")
    assert set(Link.objects.active().values_list("state", flat=True)) == {"confirmed"}


def test_a_link_that_ended_keeps_its_reason(client: Client, service: Service, clinician: Any) -> None:
    _hold(service, clinician, 1, state=Link.State.GONE, reason=Link.Reason.NOT_LISTED)
    _hold(service, clinician, 1)
    page = _act(client, LINKS, "suspend", confirmed="yes")
    assert "1 of 2 links were suspended. The others had already ended." in _messages(page)
    assert Link.objects.get(state=Link.State.GONE).reason == Link.Reason.NOT_LISTED
    assert "0 of 2 links were suspended" in _messages(_act(client, LINKS, "suspend", confirmed="yes"))
    assert Entry.objects.filter(action="link.suspended").count() == 1


@pytest.mark.parametrize(
    ("page", "action", "message"),
    [
        (LINKS, "suspend", "500 of 500 links were suspended"),
        (LINKS, "ask_again", "500 of 500 links will be confirmed"),
        (CUSTOMERS, "ask_again", "500 of 500 customers will be confirmed"),
    ],
)
def test_five_hundred_at_once_take_few_statements_and_more_take_none(
    client: Client, service: Service, clinician: Any, page: str, action: str, message: str
) -> None:
    _hold(service, clinician, 500)
    with CaptureQueriesContext(connection) as queries:
        answer = _act(client, page, action, confirmed="yes")
    assert message in _messages(answer)
    assert len(queries) < 80
    done = Entry.objects.filter(action__in=("link.suspended", "link.checked"))
    assert done.count() == 500
    _hold(service, clinician, 1)
    before = list(Link.objects.order_by("pk").values())
    for confirmed in ("", "yes"):
        answer = _act(client, page, action, confirmed=confirmed)
        assert "501" in _messages(answer)
        assert "one step takes at most 500. Nothing was changed" in _messages(answer)
    assert list(Link.objects.order_by("pk").values()) == before
    assert done.count() == 500


def test_confirming_again_makes_active_links_due_and_no_others(
    client: Client, service: Service, clinician: Any
) -> None:
    (active,) = _hold(service, clinician, 1)
    (ended,) = _hold(service, clinician, 1, state=Link.State.UNLINKED)
    text = _messages(_act(client, CUSTOMERS, "ask_again"))
    assert "1 of 2 customers will be confirmed with Clarius Cloud. No account holds the others" in text
    text = _messages(_act(client, LINKS, "ask_again"))
    assert "1 of 2 links will be confirmed with Clarius Cloud. The others had already ended." in text
    assert Link.objects.get(pk=active.pk).not_before is not None
    assert Link.objects.get(pk=ended.pk).not_before is None
