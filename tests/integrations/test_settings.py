"""The Cloud's settings and the expected ones: read, compared, pushed, turned off, with a new secret."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from background.runner import run
from exams.views import webhook
from integrations.clarius import RemoteSettings
from integrations.cloud import CloudProblem
from integrations.keyring import client_for
from integrations.models import RemoteState, Service
from integrations.services.changing import NotDone
from integrations.services.hourly_reading import LOOK
from integrations.services.masking import mask_url
from integrations.services.settings.addresses import connect_url, is_same_address, webhook_url
from integrations.services.settings.push import (
    WouldReplaceForeign,
    push_settings,
    rotate_webhook_secret,
)
from integrations.services.settings.remote_state import judge, read_now, watch
from integrations.services.settings.webhook_secrets import webhook_secrets
from tests.around import Around
from tests.people import make_person

pytestmark = pytest.mark.django_db
V = RemoteState.Status
FOREIGN = "https://other.example.com/webhooks/clarius/echo/s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t/"
NAME = "notification_url"


@pytest.fixture
def user(db: None) -> Any:
    return make_person("administrator", "Administrators", is_staff=True)


def _push(service: Service, user: Any, **wishes: Any) -> None:
    choices = {"is_notified": True, "is_connectable": True} | wishes
    push_settings(service=service, user=user, address=None, **choices)


def _there(service: Service) -> RemoteSettings:
    with client_for(service=service) as client:
        return client.get_settings()


def _set_there(service: Service, **values: str) -> None:
    with client_for(service=service) as client:
        client.update_settings(**values)


def test_both_addresses_are_pushed_and_read_back(cloud_service: Service, user: Any) -> None:
    _push(cloud_service, user)
    there = _there(cloud_service)
    assert there.notification_url == webhook_url(service=cloud_service)
    assert there.token_transfer_url == connect_url(service=cloud_service)
    assert Service.objects.get().is_registered
    state = RemoteState.objects.get()
    assert (state.notification_status, state.token_transfer_status) == (V.SAME, V.SAME)
    assert cloud_service.webhook_secret not in state.notification_url
    assert Entry.objects.get(action="service.settings_pushed").outcome == "ok"


def test_a_setting_that_is_off_is_pushed_empty_and_polling_continues(
    cloud_service: Service, user: Any
) -> None:
    _push(cloud_service, user)
    _push(cloud_service, user, is_notified=False)
    assert (_there(cloud_service).notification_url, Service.objects.get().is_registered) == ("", True)
    _push(cloud_service, user, is_notified=False, is_connectable=False)
    service = Service.objects.get()
    assert (_there(service).token_transfer_url, service.is_poll_only) == ("", True)
    assert service.is_active


def test_another_deployment_is_replaced_only_after_it_was_confirmed(
    cloud_service: Service, user: Any
) -> None:
    _set_there(cloud_service, notification_url=FOREIGN)
    with pytest.raises(WouldReplaceForeign):
        _push(cloud_service, user)
    assert _there(cloud_service).notification_url == FOREIGN
    assert Entry.objects.get(action="service.settings_pushed").outcome == "refused"
    _push(cloud_service, user, may_replace_foreign=True)
    assert _there(cloud_service).notification_url == webhook_url(service=cloud_service)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503, "times": 99},
        {"kind": "status", "status": 400},
        {"kind": "cut", "times": 99},
    ],
)
def test_a_cloud_that_refuses_or_is_away_changes_nothing_here(
    cloud: Any, cloud_service: Service, user: Any, fault: dict[str, Any]
) -> None:
    cloud.fault(match="settings", **fault)
    with pytest.raises(NotDone):
        _push(cloud_service, user, is_notified=False)
    service = Service.objects.get()
    assert (service.is_notified, service.is_registered) == (True, False)
    assert Entry.objects.get(action="service.settings_pushed").outcome == "refused"


def test_nothing_is_sent_to_the_cloud_without_a_public_https_address(
    cloud: Any, cloud_service: Service, user: Any
) -> None:
    cloud_service.is_sandbox = False
    with pytest.raises(NotDone, match="https://"):
        _push(cloud_service, user)
    assert not cloud.calls(path="settings")


def test_the_hourly_reading_finds_a_drift_and_audits_it_once(cloud_service: Service, user: Any) -> None:
    _push(cloud_service, user)
    _set_there(cloud_service, notification_url=FOREIGN)
    state = watch(service=cloud_service)
    for _ in range(2):
        RemoteState.objects.update(not_before=timezone.now() - timedelta(seconds=1))
        run(LOOK, pk=state.pk)
    state.refresh_from_db()
    assert (state.notification_status, state.drifted_at is not None) == (V.FOREIGN, True)
    assert "s3cr3t" not in state.notification_url
    assert state.not_before > timezone.now() + timedelta(minutes=50)
    assert Entry.objects.filter(action="service.settings_drifted").count() == 1
    _push(cloud_service, user, may_replace_foreign=True)
    assert RemoteState.objects.get().drifted_at is None


def test_a_reading_that_fails_keeps_the_state_from_before(cloud: Any, cloud_service: Service) -> None:
    read = read_now(service=cloud_service)
    cloud.fault(match="settings", kind="status", status=500, times=99)
    with pytest.raises(CloudProblem):
        read_now(service=cloud_service)
    state = RemoteState.objects.get()
    assert (state.read_at, state.keys) == (read.read_at, read.keys)
    assert [key["prefix"] for key in state.keys] == [cloud_service.api_keys.get().prefix]


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("", V.OFF),
        (FOREIGN, V.FOREIGN),
        ("http://127.0.0.1:8000/webhooks/clarius/older/" + "x" * 43 + "/", V.OURS),
        ("//[broken", V.FOREIGN),
    ],
)
def test_the_address_at_the_cloud_gets_its_status(
    service: Service, url: str, verdict: V, settings: Any
) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert judge(service=service, name=NAME, url=url) == verdict


def _echo(change: Callable[[str], str], around: Around) -> None:
    def read(real: Any) -> Any:
        remote = real()
        return replace(remote, notification_url=change(remote.notification_url))

    around.call("get_settings", read)


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("http://", "HTTP://").replace("localhost", "LOCALHOST"),
        lambda url: url.rstrip("/"),
        lambda url: url.replace("webhooks", "%77ebhooks"),
        lambda url: url.replace("localhost/", "localhost:80/"),
    ],
    ids=["case", "slash", "escape", "port"],
)
def test_an_address_that_comes_back_in_an_equivalent_form_is_the_same(
    cloud_service: Service, user: Any, settings: Any, around: Around, change: Callable[[str], str]
) -> None:
    settings.PUBLIC_URL = "http://localhost"
    _echo(change, around)
    _push(cloud_service, user)
    state = read_now(service=cloud_service)
    assert state.notification_status == V.SAME
    rotate_webhook_secret(service=cloud_service, user=user, address=None)
    assert read_now(service=cloud_service).notification_status == V.SAME


@pytest.mark.parametrize("url", ["http://localhost:81/", "https://localhost/", "http://a@localhost/", "//[x"])
def test_an_address_with_another_meaning_is_another(url: str) -> None:
    assert not is_same_address("http://localhost/", url)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        (
            "https://a.example/webhooks/clarius/echo/" + "k" * 43 + "/",
            "https://a.example/webhooks/clarius/echo/••••••••/",
        ),
        ("https://a.example/hook/s3cr3t-15chars/", "https://a.example/••••••••/••••••••/"),
        ("https://a.example/QUJDREVGR0hJSktMTU5PUFFSU1Q=/", "https://a.example/••••••••/"),
        ("https://a.example/abc%2Bdefghijklmnopqrstuvwxyz/", "https://a.example/••••••••/"),
        ("https://a.example/h;secret=abcdefghijklmnop", "https://a.example/••••••••"),
        ("https://a.example/?token={token}&key=abc#def", "https://a.example/?token={token}&••••••••"),
        ("https://a.example/?abc", "https://a.example/?••••••••"),
        ("https://u:p@a.example/?key=abc", "https://a.example/?••••••••"),
        ("https://a.example/connect/?token={token}", "https://a.example/connect/?token={token}"),
        ("//[broken", "••••••••"),
    ],
)
def test_an_address_is_shown_without_its_secret_parts(url: str, masked: str) -> None:
    assert mask_url(url, slug="echo") == masked


def _knock(secret: str) -> int:
    body = {"request_uuid": "6f4f7a2e-0d0c-4a43-9f0b-2d7b6a3c1e55", "customer_id": "c" * 43}
    return (
        Client().post(f"/webhooks/clarius/echo/{secret}/", body, content_type="application/json").status_code
    )


def test_a_new_secret_is_pushed_and_the_old_one_works_for_an_hour(
    cloud_service: Service, user: Any, settings: Any
) -> None:
    settings.WEBHOOK_UNKNOWN_SECRET_SECONDS = 0
    webhook.endpoints.forget()
    _push(cloud_service, user)
    old = cloud_service.webhook_secret
    assert _knock(old) == 204
    rotate_webhook_secret(service=cloud_service, user=user, address=None)
    service = Service.objects.get()
    new = service.webhook_secret
    assert new != old
    assert _there(service).notification_url == webhook_url(service=service)
    # The new one is known at once although the secrets were read a moment ago.
    assert [_knock(new), _knock(old), _knock("x" * 43)] == [204, 204, 404]
    later = timezone.now() + timedelta(minutes=61)
    assert webhook_secrets(service=service, now=later) == (new,)
    Service.objects.update(previous_webhook_until=timezone.now() - timedelta(seconds=1))
    webhook.endpoints.forget()
    assert [_knock(new), _knock(old)] == [204, 404]


def test_a_secret_that_was_not_pushed_is_forgotten(cloud: Any, cloud_service: Service, user: Any) -> None:
    _push(cloud_service, user)
    old = cloud_service.webhook_secret
    cloud.fault(match="settings", kind="status", status=500, times=99)
    with pytest.raises(NotDone):
        rotate_webhook_secret(service=cloud_service, user=user, address=None)
    # The Cloud's settings could not be read, so nothing was sent.
    assert webhook_secrets(service=Service.objects.get()) == (old,)


def test_the_old_secret_is_accepted_as_long_as_the_cloud_uses_it(cloud_service: Service, user: Any) -> None:
    _push(cloud_service, user)
    before = webhook_url(service=cloud_service)
    rotate_webhook_secret(service=cloud_service, user=user, address=None)
    _set_there(cloud_service, notification_url=before)
    Service.objects.update(previous_webhook_until=timezone.now() + timedelta(minutes=1))
    state = read_now(service=Service.objects.get())
    assert state.notification_status == V.PREVIOUS
    assert Service.objects.get().previous_webhook_until > timezone.now() + timedelta(minutes=90)
