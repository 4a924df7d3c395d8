"""The admin pages of a service: health, keys and settings, with their permissions and password checks."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from background.models import Heartbeat
from integrations import keyring
from integrations.keyring import client_for
from integrations.models import ApiKey, KeyRotation, RemoteState, Service
from integrations.services.settings.addresses import webhook_url
from tests.people import PASSWORD, logged_in, make_person

pytestmark = pytest.mark.django_db
MEANT = {"is_meant": "yes"}
MANAGING = ["keys/", "keys/rotation/", "settings/"]


@pytest.fixture
def client(db: None) -> Client:
    client = logged_in(make_person("administrator", "Administrators", is_staff=True))
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def _page(service: Service, page: str) -> str:
    return f"/admin/integrations/service/{service.pk}/{page}"


def _do(client: Client, service: Service, page: str, action: str, **data: Any) -> Any:
    return client.post(_page(service, page), {"action": action} | data, follow=True)


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
    client.post(_page(service, page), {"action": "rotate", "key": typed})
    assert not KeyRotation.objects.exists()
    # The entered key is not stored while the password is asked for.
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
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, host="here", pid=7, seen_at=timezone.now())
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
    _do(client, cloud_service, "keys/", "create", name="standby")
    page = _do(client, cloud_service, "keys/", "read").content.decode()
    assert "standby" in page
    standby = ApiKey.objects.get(name="standby")
    asked = _do(client, cloud_service, "keys/", "revoke", prefix=standby.prefix).content.decode()
    assert f"revoke the key {standby.prefix}…?" in asked
    assert "no longer a standby key" in asked
    standby.refresh_from_db()
    assert standby.revoked_at is None
    _do(client, cloud_service, "keys/", "revoke", prefix=standby.prefix, **MEANT)
    standby.refresh_from_db()
    assert standby.revoked_at is not None
    in_use = ApiKey.objects.get(is_in_use=True)
    refused = _do(client, cloud_service, "keys/", "revoke", prefix=in_use.prefix)
    assert "This key is in use" in refused.content.decode()
    assert Entry.objects.filter(action="api_key.revoked", outcome="ok").count() == 1


def test_a_rotation_is_started_by_a_button_and_shows_its_steps(
    cloud_service: Service, client: Client
) -> None:
    asked = _do(client, cloud_service, "keys/", "rotate").content.decode()
    assert f"rotate the key {ApiKey.objects.get().prefix}…?" in asked
    assert not KeyRotation.objects.exists()
    page = _do(client, cloud_service, "keys/", "rotate", **MEANT).content.decode()
    assert KeyRotation.objects.get().cause == "person"
    assert "The key in use is being rotated" in page
    again = _do(client, cloud_service, "keys/", "rotate")
    assert "being replaced already" in again.content.decode()
    # The fragment holds everything that changes meanwhile: steps, buttons and the table.
    fragment = client.get(_page(cloud_service, "keys/rotation/")).content.decode()
    for words in ("Created and stored", "Continue", "Cancel rotation", "Keys at Clarius Cloud and here"):
        assert words in fragment


def test_a_rotation_is_cancelled_by_a_button_that_asks(cloud_service: Service, client: Client) -> None:
    _do(client, cloud_service, "keys/", "rotate", **MEANT)
    assert "The key in use stays in use." in _do(client, cloud_service, "keys/", "cancel").content.decode()
    assert KeyRotation.objects.get().step == KeyRotation.Step.INTENDED
    page = _do(client, cloud_service, "keys/", "cancel", **MEANT).content.decode()
    assert "The rotation was cancelled." in page
    assert "keys/rotation/" not in page
    assert KeyRotation.objects.get().step == KeyRotation.Step.FAILED
    assert "No key is being rotated" in _do(client, cloud_service, "keys/", "cancel").content.decode()


def test_whoever_revokes_a_key_of_another_deployment_is_warned(
    cloud: Any, cloud_service: Service, client: Client
) -> None:
    stranger = cloud.new_key(name="staging").partition(".")[0]
    _do(client, cloud_service, "keys/", "read")
    asked = _do(client, cloud_service, "keys/", "revoke", prefix=stranger).content.decode()
    assert "Another deployment may use it" in asked
    assert "staging" in asked
    unknown = _do(client, cloud_service, "keys/", "revoke", prefix="zzzzzzzz").content.decode()
    assert "Another deployment may use it" in unknown
    assert not [each for each in cloud.calls(path="api-keys") if each["method"] == "DELETE"]
    _do(client, cloud_service, "keys/", "revoke", prefix=stranger, **MEANT)
    assert [each for each in cloud.calls(path="api-keys") if each["method"] == "DELETE"]


def test_while_every_key_is_refused_the_table_says_so_and_offers_no_rotation(
    cloud: Any, cloud_service: Service, client: Client
) -> None:
    page = _page(cloud_service, "keys/")
    assert "Rotate key" in client.get(page).content.decode()
    cloud.revoke_key(key=ApiKey.objects.get().secret)
    keyring.judge_refusal(service=cloud_service)
    shown = client.get(page).content.decode()
    assert "in use, refused" in shown
    assert "Rotate key" not in shown
    refused = _do(client, cloud_service, "keys/", "rotate", **MEANT).content.decode()
    assert "No stored key works" in refused


def test_the_last_rotation_names_no_key_that_is_no_longer_in_use(
    cloud_service: Service, client: Client
) -> None:
    new = ApiKey.objects.get().prefix
    KeyRotation.objects.create(
        service=cloud_service,
        name="portal 1",
        cause="person",
        step=KeyRotation.Step.DONE,
        old_prefix="oldoldol",
        new_prefix=new,
        ended_at=timezone.now(),
    )
    page = _page(cloud_service, "keys/")
    assert f"{new}… replaced oldoldol…" in client.get(page).content.decode()
    ApiKey.objects.update(prefix="newnewne")
    shown = client.get(page).content.decode()
    assert "oldoldol" not in shown
    assert "is no longer in use" in shown


def test_opening_the_pages_writes_nothing_and_reading_again_is_audited(
    cloud_service: Service, client: Client
) -> None:
    for page in ("keys/", "settings/"):
        client.get(_page(cloud_service, page))
    assert not RemoteState.objects.exists()
    for page in ("keys/", "settings/"):
        _do(client, cloud_service, page, "read")
    client.post(_page(cloud_service, "test/"))
    entries = Entry.objects.filter(action__in=["service.remote_read", "service.tested"]).order_by("at", "pk")
    assert list(entries.values_list("action", "outcome")) == [
        ("service.remote_read", "ok"),
        ("service.remote_read", "ok"),
        ("service.tested", "failed"),
    ]


def test_pages_of_a_service_write_moments_out_with_utc_on_hover(
    cloud_service: Service, client: Client
) -> None:
    KeyRotation.objects.create(
        service=cloud_service, name="r", cause="person", step="failed", ended_at=timezone.now()
    )
    for page in ("keys/", "settings/"):
        _do(client, cloud_service, page, "read")
        text = client.get(_page(cloud_service, page)).content.decode()
        assert "Read from Clarius Cloud <time datetime=" in text
        assert "minutes ago" not in text
    assert (
        "The last rotation failed <time datetime="
        in client.get(_page(cloud_service, "keys/")).content.decode()
    )


@pytest.mark.parametrize(("page", "action"), [("keys/", "read"), ("settings/", "read")])
def test_the_page_shows_that_the_cloud_cannot_answer(
    cloud: Any, cloud_service: Service, client: Client, page: str, action: str
) -> None:
    cloud.fault(match="*", kind="status", status=503, times=99)
    answer = _do(client, cloud_service, page, action)
    cloud.clear_faults()
    assert "failed to answer" in answer.content.decode()
    assert not RemoteState.objects.filter(read_at__isnull=False).exists()
    assert Entry.objects.get(action="service.remote_read").outcome == "failed"


def test_settings_are_pushed_after_they_were_confirmed(cloud_service: Service, client: Client) -> None:
    wishes = {"is_notified": "on", "is_connectable": "on"}
    page = _do(client, cloud_service, "settings/", "push", **wishes)
    assert "Tick the box to confirm" in page.content.decode()
    assert not Service.objects.get().is_registered
    page = _do(client, cloud_service, "settings/", "push", **wishes, is_meant="on")
    with client_for(service=cloud_service) as cloud:
        assert cloud.get_settings().notification_url == webhook_url(service=cloud_service)
    assert cloud_service.webhook_secret not in page.content.decode()
    assert "matches" in page.content.decode()


def test_what_the_cloud_refuses_is_a_message_on_the_form(
    cloud: Any, cloud_service: Service, client: Client
) -> None:
    with client_for(service=cloud_service) as called:
        called.update_settings(notification_url="https://other.example.com/hook/")
    page = _do(client, cloud_service, "settings/", "push", is_notified="on", is_meant="on")
    assert "the address of another deployment" in page.content.decode()
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
    assert f'href="{_page(cloud_service, "settings/")}">Back to the settings of' in shown.content.decode()
    assert Entry.objects.filter(action="service.webhook_revealed").count() == 1


def test_the_connection_is_tested_by_a_button(cloud_service: Service, client: Client) -> None:
    page = client.post(_page(cloud_service, "test/")).content.decode()
    assert f"The key {ApiKey.objects.get().prefix}… works." in page
    assert "The worker has never run" in page
    assert ApiKey.objects.get().secret not in page
