"""The page of a service shows its problems, and calls nothing healthy that is not."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from background.models import Heartbeat
from integrations.models import ApiKey, RemoteState, Service
from tests.people import logged_in, make_person, proven

pytestmark = pytest.mark.django_db
LIST = "/admin/integrations/service/"


@pytest.fixture
def client(db: None) -> Client:
    return proven(make_person("administrator", "Administrators", is_staff=True))


@pytest.fixture
def service(service: Service) -> Service:
    """A healthy service."""
    Service.objects.update(polled_at=timezone.now(), is_registered=True)
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, host="here", pid=7, seen_at=timezone.now())
    return service


def page(client: Client, service: Service) -> str:
    return str(client.get(f"{LIST}{service.pk}/change/").content.decode())


def headline(client: Client, service: Service) -> str:
    return page(client, service).partition('<div class="desk-lead">')[2].partition("</p>")[0]


def act(client: Client, action: str, *services: Service, **data: str) -> str:
    chosen = {"action": action, "_selected_action": [each.pk for each in services]}
    return str(client.post(LIST, chosen | data, follow=True).content.decode())


def test_a_service_is_healthy_only_while_worker_and_beat_run(client: Client, service: Service) -> None:
    assert "Working." in headline(client, service)
    for name in ("worker", "beat"):
        own = Heartbeat.objects.filter(name=name)
        own.update(seen_at=timezone.now() - timedelta(minutes=5))
        assert f"The {name} does not respond" in headline(client, service)
        assert "silent, seen 5\xa0minutes ago" in page(client, service)
        own.delete()
        assert f"The {name} has never run" in headline(client, service)
        assert ">never seen<" in page(client, service)
        Heartbeat.objects.create(name=name, host="here", pid=8, seen_at=timezone.now())
    assert "Working." in headline(client, service)
    assert "running, seen just now" in page(client, service)


def test_a_setting_that_is_turned_off_is_not_shown_as_matching(client: Client, service: Service) -> None:
    RemoteState.objects.create(
        service=service, notification_status="same", token_transfer_status="same", read_at=timezone.now()
    )
    assert page(client, service).count("matches") == 2
    Service.objects.update(is_notified=False)
    assert "off: exams are found only by polling" in page(client, service)
    assert page(client, service).count("matches") == 1
    Service.objects.update(is_connectable=False)
    assert "matches" not in page(client, service)


def test_a_key_that_the_cloud_no_longer_lists_is_not_a_standby_key(client: Client, service: Service) -> None:
    def standby() -> str:
        return page(client, service).partition("Standby keys</dt>")[2].partition("</dd>")[0]

    for prefix in ("living11", "dead2222"):
        ApiKey.objects.create(service=service, prefix=prefix, secret="x")
    assert ">2" in standby()
    later = timezone.now() + timedelta(seconds=1)
    state = RemoteState.objects.create(service=service, keys=[{"prefix": "living11"}], read_at=later)
    assert ">1, and 1 that Clarius Cloud does not list" in standby()
    # A key that was stored after the list was read cannot be in it.
    RemoteState.objects.filter(pk=state.pk).update(read_at=timezone.now() - timedelta(days=1))
    assert ">2" in standby()


def test_a_pause_asks_first_and_lists_what_stops(client: Client, service: Service) -> None:
    asked = act(client, "pause", service)
    assert "Pause these services?" in asked and "Echo reading" in asked
    for words in (
        "nothing is polled",
        "can be read, reviewed and signed",
        "fetches everything submitted meanwhile",
    ):
        assert words in asked
    assert Service.objects.get().is_active
    assert "1 of 1 services were paused." in act(client, "pause", service, confirmed="yes")
    assert not Service.objects.get().is_active


def test_a_poll_from_the_page_of_a_service_leads_back_to_it(client: Client, service: Service) -> None:
    own = f"/admin/integrations/service/{service.pk}/change/"
    assert 'name="stay" value="yes"' in page(client, service)
    chosen = {"action": "poll_now", "_selected_action": [service.pk]}
    assert client.post(LIST, chosen | {"stay": "yes"}).headers["Location"] == own
    assert client.post(LIST, chosen).headers["Location"] == LIST


def test_messages_count_the_services_they_are_about(client: Client, service: Service) -> None:
    other: Any = Service.objects.create(slug="two", name="Second reading", base_url=service.base_url)
    assert "1 of 1 services will be polled as soon as a worker is free." in act(client, "poll_now", service)
    assert "2 of 2 services will be polled as soon as a worker is free." in act(
        client, "poll_now", service, other
    )
    asked = act(client, "pause", service, other)
    assert "2 selected" in asked and "Second reading" in asked
    assert "2 of 2 services were paused." in act(client, "pause", service, other, confirmed="yes")
    assert "1 of 1 services were resumed and will be polled as soon as a worker is free." in act(
        client, "resume", service
    )
    assert "0 of 1 services were paused. The others are already paused." in act(
        client, "pause", other, confirmed="yes"
    )


def test_a_pause_that_is_confirmed_needs_the_permission(client: Client, service: Service) -> None:
    watcher = make_person("watcher", is_staff=True)
    watcher.user_permissions.add(
        *Service._meta.apps.get_model("auth", "Permission").objects.filter(codename="view_service")
    )
    act(logged_in(watcher), "pause", service, confirmed="yes")
    assert Service.objects.get().is_active
