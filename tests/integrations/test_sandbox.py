"""The whole connection at a running Clarius Cloud: from Connect there to a confirmed link here."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from background.runner import run
from integrations.models import Customer, Link, Service
from integrations.services.linking.confirmation import CONFIRM
from tests.people import logged_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer(cloud: Any) -> Any:
    return cloud.add_customer()


@pytest.fixture
def link(cloud_service: Service, customer: Any, clinician: Any) -> Link:
    client = logged_in(clinician)
    client.get("/connect/echo/", {"token": customer.token})
    slot = client.get("/connect/echo/").context["form"]["slot"].value()
    client.post("/connect/echo/", {"slot": slot, "label": customer.name})
    return Link.objects.get()


def _work(link: Link) -> Link:
    Link.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    run(CONFIRM, pk=link.pk)
    return Link.objects.get()


def test_a_customer_of_the_cloud_is_linked_and_confirmed_there(
    cloud: Any, customer: Any, link: Link, clinician: Any
) -> None:
    assert not cloud.is_confirmed(token=customer.token)
    assert _work(link).state == Link.State.CONFIRMED
    assert cloud.is_confirmed(token=customer.token)
    assert [str(one) for one in Customer.objects.held_by(clinician)] == [customer.name]


def test_a_confirmation_whose_answer_is_lost_is_repeated(cloud: Any, customer: Any, link: Link) -> None:
    cloud.fault(match="confirm", kind="cut_after")
    assert _work(link).state == Link.State.PENDING
    assert cloud.is_confirmed(token=customer.token)
    assert _work(link).state == Link.State.CONFIRMED


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500, "body": "html"},
        {"kind": "status", "status": 429, "headers": {"Retry-After": "7"}},
        {"kind": "cut"},
    ],
)
def test_a_failing_cloud_only_delays_the_link(
    cloud: Any, link: Link, clinician: Any, fault: dict[str, Any]
) -> None:
    cloud.fault(match="confirm", **fault)
    waiting = _work(link)
    assert waiting.state == Link.State.PENDING
    page = logged_in(clinician).get(f"/links/{link.uuid}/").content.decode()
    assert "The portal tries again automatically" in page
    assert _work(link).state == Link.State.CONFIRMED


def test_how_long_the_cloud_asks_to_wait_is_honoured(cloud: Any, link: Link) -> None:
    cloud.fault(match="confirm", kind="status", status=429, headers={"Retry-After": "900"})
    before = timezone.now()
    assert _work(link).not_before >= before + timedelta(seconds=890)


def test_a_revoked_key_keeps_the_link_waiting_and_unharmed(cloud: Any, link: Link) -> None:
    service = Service.objects.get()
    cloud.revoke_key(key=service.api_keys.get().secret)
    assert (_work(link).state, _work(link).attempt_count) == (Link.State.PENDING, 0)
    assert Service.objects.get().circuit_opened_at is not None
