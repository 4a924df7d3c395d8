"""The pages of a service in the admin: health, keys and settings, each with its right and its proof."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from integrations.models import ApiKey, KeyRotation, RemoteState, Service
from integrations.services.addresses import webhook_url
from integrations.services.clients import client_for
from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db
MANAGING = ["keys/", "keys/rotation/", "settings/"]


@pytest.fixture
def client(db: None) -> Client:
    client = logged_in(make_person("administrator", "Administrators", is_staff=True))
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def _page(service: Service, page: str) -> str:
    return f"/admin/integrations/service/{service.pk}/{page}"


def _do(client: Client, service: Service, page: str, deed: str, **data: Any) -> Any:
    return client.post(_page(service, page), {"deed": deed} | data, follow=True)


@pytest.mark.parametrize("page", [*MANAGING, "settings/reveal/", "test/"])
def test_who_may_open_the_pages_of_a_service(service: Service, client: Client, page: str) -> None:
    address = _page(service, page)
    watcher = make_person("watcher", is_staff=True)
    watcher.user_permissions.add(
        *Service._meta.apps.get_model("auth", "Permission").objects.filter(codename="view_service")
    )
    statuses = []
    for browser in (
        Client(),
        logged_in(make_person("outsider")),
        logged_in(make_person("reviewer", "Reviewers")),
        logged_in(watcher),
        client,
    ):
        if browser is not client and browser.session.get("_auth_user_id"):
            browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
        statuses.append(browser.get(address).status_code)
    allowed = {"settings/reveal/": 405, "test/": 302}.get(page, 200)
    assert statuses == [302, 302, 302, 403, allowed]
    assert client.get(address.replace(str(service.pk), "999999")).status_code == 404


@pytest.mark.parametrize("page", ["keys/", "settings/"])
def test_keys_and_settings_ask_for_the_password_again(service: Service, page: str) -> None:
    client = logged_in(make_person("administrator", "Administrators", is_staff=True))
    assert client.get(_page(service, page)).url.startswith("/accounts/reauthenticate/")
    typed = "aaaaaaaa." + "b" * 32
    client.post(_page(service, page), {"deed": "rotate", "key": typed})
    assert not KeyRotation.objects.exists()
    # What was typed does not wait anywhere for the password.
    assert typed not in str(dict(client.session))


def test_the_health_of_a_service_is_one_screen_without_a_secret(service: Service, client: Client) -> None:
    Service.objects.update(polled_at=timezone.now())
    page = client.get(_page(service, "change/")).content.decode()
    for words in ("API key", "Last full poll", "Last notification", "Oldest waiting", "Test connection"):
        assert words in page
    for secret in (service.webhook_secret, ApiKey.objects.get().secret):
        assert secret not in page


@pytest.mark.parametrize(
    ("changes", "headline"),
    [
        ({"is_active": False}, "Paused"),
        ({"circuit_opened_at": timezone.now()}, "refuses every stored API key"),
        ({"polled_at": None}, "Not polled yet"),
        ({"is_registered": True}, "Working."),
        ({"is_registered": False}, "does not know our addresses"),
    ],
)
def test_the_headline_is_what_matters_most(
    service: Service, client: Client, changes: dict[str, Any], headline: str
) -> None:
    Service.objects.update(**({"polled_at": timezone.now()} | changes))
    assert headline in client.get(_page(service, "change/")).content.decode()


def test_a_key_is_typed_in_and_never_shown(cloud: Any, cloud_service: Service, client: Client) -> None:
    key = cloud.new_key(name="typed")
    page = _do(client, cloud_service, "keys/", "type", key=key, is_to_be_used="on")
    assert ApiKey.objects.get(is_in_use=True).prefix == key.partition(".")[0]
    assert key not in page.content.decode()
    assert key.partition(".")[2] not in page.content.decode()
    refused = _do(client, cloud_service, "keys/", "type", key="aaaaaaaa." + "b" * 32)
    assert "does not accept this API key" in refused.content.decode()
    assert "b" * 32 not in refused.content.decode()


def test_keys_are_made_read_and_revoked(cloud: Any, cloud_service: Service, client: Client) -> None:
    _do(client, cloud_service, "keys/", "create", name="reserve")
    page = _do(client, cloud_service, "keys/", "read").content.decode()
    assert "standby" in page
    reserve = ApiKey.objects.get(name="reserve")
    _do(client, cloud_service, "keys/", "revoke", prefix=reserve.prefix)
    reserve.refresh_from_db()
    assert reserve.revoked_at is not None
    in_use = ApiKey.objects.get(is_in_use=True)
    refused = _do(client, cloud_service, "keys/", "revoke", prefix=in_use.prefix)
    assert "This key is in use" in refused.content.decode()
    assert Entry.objects.filter(action="api_key.revoked", outcome="ok").count() == 1


def test_a_replacement_is_begun_by_a_button_and_shows_its_steps(
    cloud_service: Service, client: Client
) -> None:
    page = _do(client, cloud_service, "keys/", "rotate").content.decode()
    assert KeyRotation.objects.get().cause == "person"
    assert "The key in use is being replaced" in page
    again = _do(client, cloud_service, "keys/", "rotate")
    assert "being replaced already" in again.content.decode()
    assert "Made and stored" in client.get(_page(cloud_service, "keys/rotation/")).content.decode()


@pytest.mark.parametrize(("page", "deed"), [("keys/", "read"), ("settings/", "read")])
def test_a_cloud_that_cannot_answer_is_said_on_the_page(
    cloud: Any, cloud_service: Service, client: Client, page: str, deed: str
) -> None:
    cloud.fault(match="*", kind="status", status=503, times=99)
    answer = _do(client, cloud_service, page, deed)
    cloud.clear_faults()
    assert "failed to answer" in answer.content.decode()
    assert RemoteState.objects.get().read_at is None


def test_settings_are_pushed_after_they_were_confirmed(cloud_service: Service, client: Client) -> None:
    wishes = {"is_notified": "on", "is_connectable": "on"}
    page = _do(client, cloud_service, "settings/", "push", **wishes)
    assert "This field is required" in page.content.decode()
    assert not Service.objects.get().is_registered
    page = _do(client, cloud_service, "settings/", "push", **wishes, is_meant="on")
    with client_for(service=cloud_service) as cloud:
        assert cloud.get_settings().notification_url == webhook_url(service=cloud_service)
    assert cloud_service.webhook_secret not in page.content.decode()
    assert "as wanted" in page.content.decode()


def test_what_the_cloud_refuses_is_a_message_on_the_form(
    cloud: Any, cloud_service: Service, client: Client
) -> None:
    with client_for(service=cloud_service) as called:
        called.update_settings(notification_url="https://other.example.com/hook/")
    page = _do(client, cloud_service, "settings/", "push", is_notified="on", is_meant="on")
    assert "Another deployment" in page.content.decode()
    assert not Service.objects.get().is_registered


def test_the_webhook_gets_a_new_secret_by_a_button_and_is_revealed_by_another(
    cloud_service: Service, client: Client
) -> None:
    old = cloud_service.webhook_secret
    _do(client, cloud_service, "settings/", "rotate_secret")
    new = Service.objects.get().webhook_secret
    assert new != old
    shown = client.post(_page(cloud_service, "settings/reveal/"))
    assert new in shown.content.decode()
    assert Entry.objects.filter(action="service.webhook_revealed").count() == 1


def test_the_connection_is_tested_by_a_button(cloud_service: Service, client: Client) -> None:
    page = client.post(_page(cloud_service, "test/")).content.decode()
    assert f"The key {ApiKey.objects.get().prefix}… works." in page
    assert "No worker has ever run" in page
    assert ApiKey.objects.get().secret not in page
