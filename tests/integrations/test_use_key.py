"""A reserve is put into use by a button: proven first, refused with the reason, and audited either way."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from background.runner import run
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.keys.rotation import ROTATE, start_rotation
from tests.integrations.scripted import ScriptedCloud
from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(db: None) -> Client:
    client = logged_in(make_person("administrator", is_staff=True, is_superuser=True))
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


@pytest.fixture
def reserve(cloud: Any, cloud_service: Service) -> ApiKey:
    return _reserve(cloud_service, cloud.new_key(name="reserve"))


def _reserve(service: Service, key: str) -> ApiKey:
    return ApiKey.objects.create(service=service, prefix=key.partition(".")[0], secret=key)


def _page(client: Client, service: Service) -> str:
    return client.get(f"/admin/integrations/service/{service.pk}/keys/").content.decode()


def _use(client: Client, service: Service, prefix: str) -> str:
    page = f"/admin/integrations/service/{service.pk}/keys/"
    return client.post(page, {"action": "use", "prefix": prefix}, follow=True).content.decode()


def _in_use() -> str:
    return ApiKey.objects.get(is_in_use=True).prefix


def _audited() -> list[tuple[str, str, str]]:
    found = Entry.objects.filter(action="api_key.switched").order_by("at")
    return [(each.outcome, each.actor_label, each.identifiers["prefix"]) for each in found]


def test_a_reserve_is_used_and_the_former_key_stays_in_reserve(
    cloud: Any, cloud_service: Service, client: Client, reserve: ApiKey
) -> None:
    former = _in_use()
    page = _page(client, cloud_service)
    assert f"Use the key {reserve.prefix}" in page
    assert f"Use the key {former}" not in page
    said = _use(client, cloud_service, reserve.prefix)
    assert f"The key {reserve.prefix}… is now in use" in said
    assert reserve.secret.partition(".")[2] not in said
    assert _in_use() == reserve.prefix
    assert ApiKey.objects.get(prefix=reserve.prefix).in_use_since is not None
    assert f"Use the key {former}" in said
    assert _audited() == [("ok", "a…@example.test", reserve.prefix)]


def test_work_goes_on_when_every_key_was_refused_before(
    cloud_service: Service, client: Client, reserve: ApiKey
) -> None:
    Service.objects.update(circuit_opened_at=timezone.now(), last_error="x", last_error_at=timezone.now())
    _use(client, cloud_service, reserve.prefix)
    service = Service.objects.get()
    assert (service.circuit_opened_at, service.last_error) == (None, "")
    assert service.full_poll_due_at is not None
    assert Entry.objects.filter(action="service.circuit_closed").count() == 1


def test_a_reserve_that_the_cloud_refuses_changes_nothing(
    cloud: Any, cloud_service: Service, client: Client, reserve: ApiKey
) -> None:
    former = _in_use()
    cloud.revoke_key(key=reserve.secret)
    said = _use(client, cloud_service, reserve.prefix)
    assert "The key in use stays. Clarius Cloud does not accept this one." in said
    assert _in_use() == former
    assert _audited() == [("refused", "a…@example.test", reserve.prefix)]


def test_a_cloud_that_is_away_changes_nothing(
    cloud: Any, cloud_service: Service, client: Client, reserve: ApiKey
) -> None:
    former = _in_use()
    cloud.fault(match="*", kind="status", status=503, times=99)
    said = _use(client, cloud_service, reserve.prefix)
    cloud.clear_faults()
    assert "The key in use stays. Clarius Cloud failed to answer." in said
    assert _in_use() == former


def test_no_key_is_put_in_between_while_the_one_in_use_is_being_replaced(
    cloud_service: Service, client: Client, reserve: ApiKey
) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    assert "Use the key" not in _page(client, cloud_service)
    assert "Wait until that is over" in _use(client, cloud_service, reserve.prefix)
    run(ROTATE, pk=rotation.pk)
    assert KeyRotation.objects.get().new_prefix == _in_use() != reserve.prefix


def test_only_a_key_that_is_stored_works_and_waits_is_used(
    cloud: Any, cloud_service: Service, client: Client, reserve: ApiKey
) -> None:
    former = _in_use()
    assert "in use already" in _use(client, cloud_service, former)
    ApiKey.objects.filter(pk=reserve.pk).update(revoked_at=timezone.now())
    for unknown in (reserve.prefix, "zzzzzzzz", "", "\x00", "x" * 500):
        assert "not stored here any more" in _use(client, cloud_service, unknown)
    other = Service.objects.create(slug="other", name="Other", base_url=cloud.url, is_sandbox=True)
    foreign = _reserve(other, cloud.new_key())
    assert "not stored here any more" in _use(client, cloud_service, foreign.prefix)
    assert ApiKey.objects.get(service=cloud_service, is_in_use=True).prefix == former


def test_a_key_that_cannot_be_opened_says_to_type_it_in_again(
    cloud_service: Service, client: Client, reserve: ApiKey, settings: Any
) -> None:
    former = _in_use()
    ApiKey.objects.filter(pk=reserve.pk).update(secret=reserve.secret)
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="]
    assert "Type it in again" in _use(client, cloud_service, reserve.prefix)
    assert _in_use() == former


@pytest.mark.django_db(transaction=True)
def test_a_reserve_that_is_revoked_while_it_is_proven_is_not_used(
    scripted: ScriptedCloud, service: Service, client: Client
) -> None:
    former, reserve = _in_use(), _reserve(service, scripted.new_key())

    def revoked_meanwhile() -> None:
        ApiKey.objects.filter(pk=reserve.pk).update(revoked_at=timezone.now(), secret="")

    scripted.script("GET", "services/settings/", revoked_meanwhile)
    assert "not stored here any more" in _use(client, service, reserve.prefix)
    assert _in_use() == former
