"""A standby is put into use by a button: proven first, refused with the reason, and audited either way."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from background.runner import run
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.keys.rotation import ROTATE, start_rotation
from tests.integrations.scripted import ScriptedCloud
from tests.people import make_person, proven

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(db: None) -> Client:
    return proven(make_person("administrator", is_staff=True, is_superuser=True))


@pytest.fixture
def standby(cloud: Any, cloud_service: Service) -> ApiKey:
    return _add_standby(cloud_service, cloud.new_key(name="standby"))


def _add_standby(service: Service, key: str) -> ApiKey:
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


def test_a_standby_key_is_used_and_the_former_key_becomes_standby(
    cloud: Any, cloud_service: Service, client: Client, standby: ApiKey
) -> None:
    former = _in_use()
    page = _page(client, cloud_service)
    assert f"Use the key {standby.prefix}" in page
    assert f"Use the key {former}" not in page
    page = _use(client, cloud_service, standby.prefix)
    assert f"The key {standby.prefix}… is now in use" in page
    assert standby.secret.partition(".")[2] not in page
    assert _in_use() == standby.prefix
    assert ApiKey.objects.get(prefix=standby.prefix).in_use_since is not None
    assert f"Use the key {former}" in page
    assert _audited() == [("ok", "a…@example.test", standby.prefix)]


def test_calls_resume_when_every_key_was_refused_before(
    cloud_service: Service, client: Client, standby: ApiKey
) -> None:
    Service.objects.update(circuit_opened_at=timezone.now(), last_error="x", last_error_at=timezone.now())
    _use(client, cloud_service, standby.prefix)
    service = Service.objects.get()
    assert (service.circuit_opened_at, service.last_error) == (None, "")
    assert service.full_poll_due_at is not None
    assert Entry.objects.filter(action="service.circuit_closed").count() == 1


def test_a_standby_key_that_the_cloud_refuses_changes_nothing(
    cloud: Any, cloud_service: Service, client: Client, standby: ApiKey
) -> None:
    former = _in_use()
    cloud.revoke_key(key=standby.secret)
    page = _use(client, cloud_service, standby.prefix)
    assert "The key in use stays. Clarius Cloud does not accept this one." in page
    assert _in_use() == former
    assert _audited() == [("refused", "a…@example.test", standby.prefix)]


def test_a_cloud_that_is_away_changes_nothing(
    cloud: Any, cloud_service: Service, client: Client, standby: ApiKey
) -> None:
    former = _in_use()
    cloud.fault(match="*", kind="status", status=503, times=99)
    page = _use(client, cloud_service, standby.prefix)
    cloud.clear_faults()
    assert "The key in use stays. Clarius Cloud failed to answer." in page
    assert _in_use() == former


def test_no_other_key_is_used_during_a_rotation(
    cloud_service: Service, client: Client, standby: ApiKey
) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    assert "Use the key" not in _page(client, cloud_service)
    assert "Wait until that is over" in _use(client, cloud_service, standby.prefix)
    run(ROTATE, pk=rotation.pk)
    assert KeyRotation.objects.get().new_prefix == _in_use() != standby.prefix


def test_only_a_stored_standby_key_can_be_used(
    cloud: Any, cloud_service: Service, client: Client, standby: ApiKey
) -> None:
    former = _in_use()
    assert "in use already" in _use(client, cloud_service, former)
    ApiKey.objects.filter(pk=standby.pk).update(revoked_at=timezone.now())
    for unknown in (standby.prefix, "zzzzzzzz", "", "\x00", "x" * 500):
        assert "not stored here any more" in _use(client, cloud_service, unknown)
    other = Service.objects.create(slug="other", name="Other", base_url=cloud.url, is_sandbox=True)
    foreign = _add_standby(other, cloud.new_key())
    assert "not stored here any more" in _use(client, cloud_service, foreign.prefix)
    assert ApiKey.objects.get(service=cloud_service, is_in_use=True).prefix == former


def test_a_key_that_cannot_be_decrypted_has_to_be_entered_again(
    cloud_service: Service, client: Client, standby: ApiKey, settings: Any
) -> None:
    former = _in_use()
    ApiKey.objects.filter(pk=standby.pk).update(secret=standby.secret)
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="]
    # Sessions are encrypted with the same keys.
    again = proven(User.objects.get(is_superuser=True))
    assert "Type it in again" in _use(again, cloud_service, standby.prefix)
    assert _in_use() == former


@pytest.mark.django_db(transaction=True)
def test_a_standby_key_that_is_revoked_during_its_test_is_not_used(
    scripted: ScriptedCloud, service: Service, client: Client
) -> None:
    former, standby = _in_use(), _add_standby(service, scripted.new_key())

    def revoked_meanwhile() -> None:
        ApiKey.objects.filter(pk=standby.pk).update(revoked_at=timezone.now(), secret="")

    scripted.script("GET", "services/settings/", revoked_meanwhile)
    assert "not stored here any more" in _use(client, service, standby.prefix)
    assert _in_use() == former
