"""Comparing the Cloud's confirmed tokens with our links: an implausible answer changes nothing."""

import functools
import io
import json
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audit.models import Entry
from background.models import OutgoingMail
from background.runner import run
from integrations.models import Customer, Link, ListedToken, Service, Sync
from integrations.services.linking.confirmation import CONFIRM
from integrations.services.linking.links import link_customer
from integrations.services.sync import read_now

pytestmark = pytest.mark.django_db
S = Customer.Status


def _sync(service: Service) -> Sync:
    # A second sync soon after the first does not count.
    earlier = timezone.now() - timedelta(hours=2)
    Customer.objects.filter(missed_at__isnull=False).update(missed_at=earlier)
    sync = read_now(service=service, kind=Sync.Kind.CUSTOMERS)
    assert sync is not None
    return sync


def _hold(service: Service, token: str, user: Any, state: str = Link.State.CONFIRMED) -> Link:
    link = link_customer(service=service, token=token, user=user, label="Dr. Osei", address=None).link
    assert link is not None
    if state == Link.State.CONFIRMED:
        Link.objects.filter(pk=link.pk).update(
            state=state, confirmed_at=timezone.now() - timedelta(days=1), not_before=None
        )
    return link


def _status(token_of: Any) -> str:
    return str(Customer.objects.with_status().get(pk=token_of).status)


def test_every_status_of_a_customer_is_found(
    cloud: Any, cloud_service: Service, clinician: Any, other_clinician: Any
) -> None:
    confirmed = cloud.add_customer(is_confirmed=True)
    pending = cloud.add_customer()
    stranger = cloud.add_customer(is_confirmed=True)
    off = cloud.add_customer(is_confirmed=True)
    held = _hold(cloud_service, confirmed.token, clinician)
    waiting = _hold(cloud_service, pending.token, clinician, Link.State.PENDING)
    shut = _hold(cloud_service, off.token, other_clinician)
    type(other_clinician).objects.filter(pk=other_clinician.pk).update(is_active=False)
    sync = _sync(cloud_service)
    assert (sync.problem, sync.seen_count) == ("", 3)
    assert sync.result == "3 listed, 1 new here"
    assert _status(held.customer_id) == S.CONFIRMED
    assert _status(waiting.customer_id) == S.PENDING
    assert _status(shut.customer_id) == S.ACCOUNT_OFF
    unknown = Customer.objects.with_status().get(status=S.UNKNOWN_HERE)
    assert unknown.token == stranger.token
    assert not Link.objects.filter(customer=unknown).exists()
    assert sum(Customer.objects.filter(service=cloud_service).count_statuses().values()) == 4
    assert not ListedToken.objects.exists()


def test_a_customer_that_two_syncs_do_not_list_is_gone_and_notified(
    cloud: Any, cloud_service: Service, clinician: Any
) -> None:
    stays, leaves = cloud.add_customer(is_confirmed=True), cloud.add_customer(is_confirmed=True)
    _hold(cloud_service, stays.token, clinician)
    link = _hold(cloud_service, leaves.token, clinician)
    _sync(cloud_service)
    cloud.call("PATCH", f"customers/{leaves.token}/", {"is_subscribed": False})
    _sync(cloud_service)
    link.refresh_from_db()
    assert (link.state, _status(link.customer_id)) == (Link.State.CONFIRMED, S.MISSING)
    assert not OutgoingMail.objects.filter(subject__contains="has ended").exists()
    _sync(cloud_service)
    link.refresh_from_db()
    assert (link.state, _status(link.customer_id)) == (Link.State.GONE, S.GONE)
    assert Link.objects.confirmed().count() == 1
    assert Customer.objects.get(pk=link.customer_id).token == leaves.token
    mail = OutgoingMail.objects.get(subject__contains="has ended")
    assert mail.recipient == clinician.email
    assert Entry.objects.filter(action="link.gone").count() == 1


def test_two_syncs_in_quick_succession_count_as_one(
    cloud: Any, cloud_service: Service, clinician: Any
) -> None:
    cloud.add_customer(is_confirmed=True)
    link = _hold(cloud_service, cloud.add_customer().token, clinician)
    for _ in range(3):
        read_now(service=cloud_service, kind=Sync.Kind.CUSTOMERS)
    link.refresh_from_db()
    assert link.state == Link.State.CONFIRMED
    assert Customer.objects.get(pk=link.customer_id).missed_sync_count == 1


def test_a_customer_that_is_listed_again_in_time_stays(
    cloud: Any, cloud_service: Service, clinician: Any
) -> None:
    cloud.add_customer(is_confirmed=True)
    customer = cloud.add_customer(is_confirmed=True)
    link = _hold(cloud_service, customer.token, clinician)
    cloud.call("PATCH", f"customers/{customer.token}/", {"is_subscribed": False})
    _sync(cloud_service)
    cloud.call("PATCH", f"customers/{customer.token}/", {"is_subscribed": True})
    for _ in range(2):
        _sync(cloud_service)
    link.refresh_from_db()
    assert (link.state, _status(link.customer_id)) == (Link.State.CONFIRMED, S.CONFIRMED)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "empty_list"},
        {"kind": "status", "status": 500},
        {"kind": "cut"},
        {"kind": "html"},
        {"kind": "truncate", "fraction": 0.6},
        {"kind": "foreign_next"},
    ],
)
def test_an_empty_broken_or_partial_answer_changes_nothing(
    cloud: Any, cloud_service: Service, clinician: Any, fault: dict[str, Any]
) -> None:
    link = _hold(cloud_service, cloud.add_customer(is_confirmed=True).token, clinician)
    _sync(cloud_service)
    read_at = Sync.objects.get().read_at
    cloud.add_customer(is_confirmed=True)
    columns = ("pk", "token_digest", "listed_at", "missed_sync_count", "missed_at")
    before = list(Customer.objects.values(*columns))
    # The client retries a failing page automatically.
    cloud.fault(match="tokens", times=9, **fault)
    for _ in range(3):
        sync = _sync(cloud_service)
    assert sync.problem
    assert sync.read_at == read_at
    assert list(Customer.objects.values(*columns)) == before
    link.refresh_from_db()
    assert link.state == Link.State.CONFIRMED


def test_a_list_shorter_than_its_count_is_partial(
    scripted: Any, service: Service, clinician: Any, token: str
) -> None:
    link = _hold(service, token, clinician)
    page = {"count": 2, "next": None, "previous": None, "results": ["A" * 43]}
    scripted.script("GET", "services/confirmed-tokens/?limit=1000", lambda: (200, page))
    sync = _sync(service)
    assert sync.problem == "Clarius Cloud listed only 1 of 2 customers readably. Nothing was changed."
    assert list(Customer.objects.values_list("pk", flat=True)) == [link.customer_id]
    page["results"] = ["A" * 43, "not a token\n"]
    assert "only 1 of 2" in _sync(service).problem
    page["results"] = ["A" * 43, "B" * 43]
    assert _sync(service).problem == ""
    assert Customer.objects.count() == 3


def test_pages_that_repeat_a_token_count_it_once(scripted: Any, service: Service) -> None:
    def page(*tokens: str, following: str | None) -> Any:
        return lambda: (200, {"count": 2, "next": following, "previous": None, "results": list(tokens)})

    first, second = "services/confirmed-tokens/?limit=1000", "services/confirmed-tokens/?limit=1000&offset=1"
    root = f"{scripted.url}/api/public/v0/"
    scripted.script("GET", first, page("A" * 43, "B" * 43, following=root + second))
    scripted.script("GET", second, page("B" * 43, following=None))
    sync = _sync(service)
    assert (sync.problem, sync.seen_count, Customer.objects.count()) == ("", 2, 2)


def test_an_empty_list_is_accepted_where_nobody_is_known(cloud: Any, cloud_service: Service) -> None:
    sync = _sync(cloud_service)
    assert (sync.problem, sync.result) == ("", "0 listed")


def test_a_link_confirmed_during_the_sync_is_not_missed(
    cloud: Any, cloud_service: Service, clinician: Any
) -> None:
    cloud.add_customer(is_confirmed=True)
    link = _hold(cloud_service, cloud.add_customer().token, clinician)
    Link.objects.filter(pk=link.pk).update(confirmed_at=timezone.now() + timedelta(seconds=30))
    _sync(cloud_service)
    assert Customer.objects.get(pk=link.customer_id).missed_sync_count == 0


def test_a_customer_who_was_missed_before_and_connects_during_the_sync_stays(
    cloud: Any, cloud_service: Service, clinician: Any
) -> None:
    cloud.add_customer(is_confirmed=True)
    link = _hold(cloud_service, cloud.add_customer().token, clinician)
    Customer.objects.filter(pk=link.customer_id).update(missed_sync_count=2, missed_at=timezone.now())
    Link.objects.filter(pk=link.pk).update(confirmed_at=timezone.now() + timedelta(seconds=30))
    _sync(cloud_service)
    link.refresh_from_db()
    assert link.state == Link.State.CONFIRMED
    assert not OutgoingMail.objects.filter(subject__contains="has ended").exists()


def test_a_confirmation_resets_the_missed_syncs_of_the_customer(
    cloud: Any, cloud_service: Service, clinician: Any
) -> None:
    link = _hold(cloud_service, cloud.add_customer().token, clinician, Link.State.PENDING)
    Customer.objects.filter(pk=link.customer_id).update(missed_sync_count=2, missed_at=timezone.now())
    run(CONFIRM, pk=link.pk)
    assert _status(link.customer_id) == S.CONFIRMED


def test_the_command_prints_counts_and_fails_in_one_sentence(cloud: Any, cloud_service: Service) -> None:
    cloud.add_customer(is_confirmed=True)
    out = io.StringIO()
    call_command("reconcile_customers", service="echo", json=True, stdout=out)
    counts = json.loads(out.getvalue())["echo"]
    assert (counts["listed"], counts["unknown_here"], counts["confirmed"]) == (1, 1, 0)
    cloud.fault(match="tokens", kind="empty_list", times=9)
    with pytest.raises(CommandError, match="listed no customer"):
        call_command("reconcile_customers", stdout=io.StringIO())
    with pytest.raises(CommandError, match="no such active service"):
        call_command("reconcile_customers", service="other")


def test_the_next_sync_is_due_a_day_later(cloud: Any, cloud_service: Service) -> None:
    before = timezone.now()
    sync = _sync(cloud_service)
    assert sync.not_before is not None
    assert before + timedelta(hours=23) < sync.not_before < timezone.now() + timedelta(hours=25)
    assert sync.lease_until is None


def test_no_token_is_stored_in_clear_text(cloud: Any, cloud_service: Service) -> None:
    customer = cloud.add_customer(is_confirmed=True)
    _sync(cloud_service)
    with connection.cursor() as cursor:
        cursor.execute("SELECT token FROM integrations_customer")
        (stored,) = cursor.fetchone()
    assert customer.token not in stored
    assert Customer.objects.get().token == customer.token


def test_thousands_of_customers_are_read_in_flat_memory(scripted: Any, service: Service) -> None:
    total, size = 4000, 1000
    root = f"{scripted.url}/api/public/v0/services/confirmed-tokens/"

    def page(offset: int) -> Any:
        following = f"{root}?limit={size}&offset={offset + size}" if offset + size < total else None
        tokens = [f"{number:043d}" for number in range(offset, offset + size)]
        return 200, {"count": total, "next": following, "previous": None, "results": tokens}

    scripted.script("GET", f"services/confirmed-tokens/?limit={size}", lambda: page(0))
    for offset in range(size, total, size):
        path = f"services/confirmed-tokens/?limit={size}&offset={offset}"
        scripted.script("GET", path, functools.partial(page, offset))
    tracemalloc.start()
    try:
        sync = _sync(service)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (sync.problem, sync.seen_count) == ("", total)
    assert Customer.objects.filter(service=service).count() == total
    # A page and a batch take half of this; the rows of all customers together would take twice as much.
    assert peak < 3 * 1024 * 1024
