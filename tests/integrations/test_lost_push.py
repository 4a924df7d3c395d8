"""A push whose answer was lost: every secret that the Cloud may have is accepted, and none is guessed."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from background.locks import Lock
from exams.views import webhook
from integrations.clarius.client import ClariusClient
from integrations.keyring import client_for
from integrations.models import RemoteState, Service
from integrations.services.changing import NotDone, OutcomeUnknown
from integrations.services.settings.addresses import webhook_url
from integrations.services.settings.push import (
    push_settings,
    register_service,
    rotate_webhook_secret,
)
from integrations.services.settings.remote_state import judge, read_now
from tests.people import make_person

pytestmark = pytest.mark.django_db
V = RemoteState.Status


@pytest.fixture
def user(db: None) -> Any:
    return make_person("administrator", "Administrators", is_staff=True)


@pytest.fixture
def registered(cloud_service: Service, user: Any, settings: Any) -> Service:
    settings.WEBHOOK_SECRETS_SECONDS = 0
    settings.WEBHOOK_UNKNOWN_SECRET_SECONDS = 0
    webhook.endpoints.forget()
    _push(cloud_service, user)
    return Service.objects.get()


def _push(service: Service, user: Any, **wishes: Any) -> None:
    choices = {"is_notified": True, "is_connectable": True} | wishes
    push_settings(service=service, user=user, address=None, **choices)


def _rotate(user: Any) -> None:
    rotate_webhook_secret(service=Service.objects.get(), user=user, address=None)


def _there() -> str:
    with client_for(service=Service.objects.get()) as client:
        return client.get_settings().notification_url


def _is_open() -> bool:
    """Call the address that the Cloud has."""
    door = "/webhooks/" + _there().partition("/webhooks/")[2]
    body = {"request_uuid": "6f4f7a2e-0d0c-4a43-9f0b-2d7b6a3c1e55", "customer_id": "c" * 43}
    return Client().post(door, body, content_type="application/json").status_code == 204


def _lose_answers(cloud: Any) -> None:
    # The first call reads the settings, the second pushes them; then the Cloud is away.
    cloud.fault(match="settings", kind="delay", seconds=0)
    cloud.fault(match="settings", kind="cut_after")
    cloud.fault(match="settings", kind="status", status=503, times=99)


def _let_time_pass() -> None:
    Service.objects.update(previous_webhook_until=timezone.now() - timedelta(seconds=1))


def _outcomes(action: str) -> list[str]:
    return list(Entry.objects.filter(action=action).order_by("at", "pk").values_list("outcome", flat=True))


def test_a_secret_whose_push_got_no_answer_is_accepted_until_a_reading(
    cloud: Any, registered: Service, user: Any
) -> None:
    old = registered.webhook_secret
    _lose_answers(cloud)
    with pytest.raises(OutcomeUnknown, match="not known"):
        _rotate(user)
    assert _outcomes("service.webhook_rotated") == ["unknown"]
    assert Service.objects.get().webhook_secret == old
    cloud.clear_faults()
    _let_time_pass()
    assert old not in _there()
    assert _is_open()
    assert RemoteState.objects.get().not_before <= timezone.now()
    state = read_now(service=Service.objects.get())
    assert state.notification_status == V.SAME
    service = Service.objects.get()
    assert service.webhook_secret in _there()
    # A call in progress may still use it.
    assert old in service.previous_webhook_secret
    assert service.unsettled_webhook_secrets == ""


def test_a_reading_that_finds_the_former_secret_settles_that_too(
    cloud: Any, registered: Service, user: Any
) -> None:
    old = registered.webhook_secret
    cloud.fault(match="settings", kind="delay", seconds=0)
    cloud.fault(match="settings", kind="status", status=503, times=99)
    with pytest.raises(OutcomeUnknown):
        _rotate(user)
    cloud.clear_faults()
    state = read_now(service=Service.objects.get())
    service = Service.objects.get()
    assert (state.notification_status, service.webhook_secret) == (V.SAME, old)
    assert service.unsettled_webhook_secrets == ""
    assert _is_open()


def test_many_lost_secrets_are_all_kept(cloud: Any, registered: Service, user: Any) -> None:
    for _ in range(3):
        _lose_answers(cloud)
        with pytest.raises(OutcomeUnknown):
            _rotate(user)
        with pytest.raises(NotDone):
            _rotate(user)
        cloud.clear_faults()
        _let_time_pass()
        assert _is_open()


def test_the_settings_are_read_at_once_after_a_lost_answer(
    cloud: Any, registered: Service, user: Any
) -> None:
    cloud.fault(match="settings", kind="delay", seconds=0)
    cloud.fault(match="settings", kind="cut_after")
    _rotate(user)
    service = Service.objects.get()
    assert service.webhook_secret != registered.webhook_secret
    assert _there() == webhook_url(service=service)
    assert _outcomes("service.webhook_rotated") == ["ok"]


def test_two_pushes_never_overtake_each_other(
    registered: Service, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = ClariusClient.update_settings
    refused: list[str] = []

    def meanwhile(client: ClariusClient, **changes: Any) -> Any:
        for other in (lambda: _rotate(user), lambda: _push(registered, user, is_connectable=False)):
            with pytest.raises(NotDone) as error:
                other()
            refused.append(str(error.value))
        return update(client, **changes)

    monkeypatch.setattr(ClariusClient, "update_settings", meanwhile)
    _rotate(user)
    assert ["at this moment" in each for each in refused] == [True, True]
    assert _outcomes("service.webhook_rotated") == ["refused", "ok"]
    service = Service.objects.get()
    assert (service.is_connectable, service.webhook_secret in _there()) == (True, True)
    assert _is_open()


def test_a_push_that_died_blocks_others_only_for_a_while(
    registered: Service, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(client: ClariusClient, **changes: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ClariusClient, "update_settings", die)
        # A killed process would not end its lock.
        patched.setattr(Lock, "end", lambda held: None)
        with pytest.raises(Killed):
            _rotate(user)
    with pytest.raises(NotDone, match="at this moment"):
        _rotate(user)
    Service.objects.update(change_until=timezone.now() - timedelta(seconds=1))
    _rotate(user)
    assert _is_open()


def test_a_reading_that_began_before_a_push_changes_no_settings(
    registered: Service, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ClariusClient.get_settings
    is_first = [True]

    def slow(client: ClariusClient) -> Any:
        answer = read(client)
        if is_first.pop() if is_first else False:
            _rotate(user)
        return answer

    monkeypatch.setattr(ClariusClient, "get_settings", slow)
    state = read_now(service=Service.objects.get())
    assert (state.notification_status, state.drifted_at) == (V.SAME, None)
    assert _is_open()


@pytest.mark.parametrize("is_read_back", [True, False])
def test_the_outcome_of_a_push_without_an_answer_is_read_or_unknown(
    cloud: Any, registered: Service, user: Any, is_read_back: bool
) -> None:
    cloud.fault(match="settings", kind="delay", seconds=0)
    cloud.fault(match="settings", kind="cut_after")
    if is_read_back:
        _push(registered, user, is_notified=False)
    else:
        cloud.fault(match="settings", kind="status", status=503, times=99)
        with pytest.raises(OutcomeUnknown, match="not known"):
            _push(registered, user, is_notified=False)
    cloud.clear_faults()
    assert _there() == ""
    assert Service.objects.get().is_notified is not is_read_back
    assert _outcomes("service.settings_pushed") == ["ok", "ok" if is_read_back else "unknown"]


def test_a_push_that_did_not_arrive_reports_that_nothing_was_changed(
    cloud: Any, registered: Service, user: Any
) -> None:
    cloud.fault(match="settings", kind="delay", seconds=0)
    cloud.fault(match="settings", kind="status", status=500)
    with pytest.raises(NotDone, match="Nothing was changed"):
        _push(registered, user, is_notified=False)
    assert Service.objects.get().is_notified
    assert _outcomes("service.settings_pushed") == ["ok", "refused"]


def test_a_secret_replaced_before_its_push_was_confirmed_stays_accepted(
    cloud: Any, cloud_service: Service, user: Any, settings: Any
) -> None:
    settings.WEBHOOK_SECRETS_SECONDS = 0
    _lose_answers(cloud)
    with pytest.raises(OutcomeUnknown):
        _push(cloud_service, user)
    cloud.clear_faults()
    assert not Service.objects.get().is_registered
    _rotate(user)
    _let_time_pass()
    assert _is_open()
    there = _there()
    read_now(service=Service.objects.get())
    assert judge(service=Service.objects.get(), name="notification_url", url=there) == V.SAME


def test_registering_reads_the_settings_after_a_lost_answer(cloud: Any, cloud_service: Service) -> None:
    cloud.fault(match="settings", kind="delay", seconds=0)
    cloud.fault(match="settings", kind="cut_after")
    assert register_service(service=cloud_service).is_registered
    assert _outcomes("service.registered") == ["ok"]


def test_an_unknown_outcome_does_not_unregister_the_service(cloud: Any, registered: Service) -> None:
    with client_for(service=registered) as client:
        client.update_settings(token_transfer_url="")
    _lose_answers(cloud)
    registration = register_service(service=registered)
    assert "not known" in registration.problem
    assert Service.objects.get().is_registered
    assert _outcomes("service.registered") == ["unknown"]


def test_without_a_public_https_address_the_refusal_is_audited(cloud_service: Service, user: Any) -> None:
    cloud_service.is_sandbox = False
    with pytest.raises(NotDone, match="https://"):
        _push(cloud_service, user)
    assert _outcomes("service.settings_pushed") == ["refused"]
