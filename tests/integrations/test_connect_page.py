"""Connecting a service in the admin: only a working one is stored, and the key is never shown."""

from collections.abc import Callable
from threading import Barrier, BrokenBarrierError, Thread
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, connections
from django.test import Client

from audit.models import Entry
from integrations.models import ApiKey, Service
from tests.integrations.scripted import ScriptedCloud
from tests.people import PASSWORD, logged_in, make_person

ADD = "/admin/integrations/service/add/"
WRONG = "aaaaaaaa." + "b" * 32

pytestmark = pytest.mark.django_db
Fill = Callable[..., Any]


@pytest.fixture
def client(db: None) -> Client:
    return _proven(make_person("administrator", "Administrators", is_staff=True))


@pytest.fixture
def fill(cloud: Any, client: Client) -> Fill:
    """A function that sends a valid form with the given changes."""
    good = {"name": "Echo reading", "slug": "echo", "base_url": cloud.url, "key": cloud.new_key()}

    def send(**changes: str) -> Any:
        return client.post(ADD, good | changes)

    return send


def _proven(person: Any) -> Client:
    client = logged_in(person)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def _stored() -> tuple[list[Any], list[Any]]:
    services = Service.objects.values("name", "base_url", "full_poll_due_at", "not_before")
    return list(services), list(ApiKey.objects.values("prefix", "is_in_use"))


def _errors(answer: Any) -> dict[str, str]:
    """The errors of the form by field, on the page that is shown again."""
    assert answer.status_code == 400
    return {name: " ".join(said) for name, said in answer.context["form"].errors.items()}


def test_a_service_is_connected_and_its_page_says_what_comes_next(
    cloud: Any, client: Client, fill: Fill
) -> None:
    key = cloud.new_key()
    answer = fill(key=key)
    service = Service.objects.get()
    assert answer.url == f"/admin/integrations/service/{service.pk}/change/"
    assert (service.slug, service.name, service.base_url) == ("echo", "Echo reading", cloud.url)
    assert (service.is_registered, service.take, service.is_active) == (False, "new", True)
    assert service.full_poll_due_at is not None
    assert ApiKey.objects.get(is_in_use=True).secret == key
    # Connecting sends no addresses: they are changed on the page of the settings.
    assert {call["method"] for call in cloud.calls(path="/services/")} == {"GET"}
    page = client.get(answer.url).content.decode()
    assert "Echo reading is connected" in page
    assert "Next steps" in page
    assert f"/admin/integrations/service/{service.pk}/settings/" in page
    for secret in (key, key.partition(".")[2], service.webhook_secret):
        assert secret not in page


def test_the_page_tests_the_connection_automatically_once(client: Client, fill: Fill) -> None:
    page = fill().url
    assert 'hx-trigger="submit, load"' in client.get(page).content.decode()
    again = client.get(page).content.decode()
    assert 'hx-trigger="submit"' in again
    assert "Next steps" in again
    tested = client.post(page.replace("change/", "test/"), headers={"HX-Request": "true"}).content.decode()
    assert f"The key {ApiKey.objects.get().prefix}… works." in tested


def test_the_audit_log_tells_who_connected_what(client: Client, fill: Fill) -> None:
    fill(key=WRONG)
    fill()
    found = Entry.objects.filter(action="service.connected").order_by("at")
    assert [(each.outcome, each.actor_label) for each in found] == [
        ("refused", "a…@example.test"),
        ("ok", "a…@example.test"),
    ]
    assert [each.target_id for each in found] == ["", str(Service.objects.get().pk)]
    assert Entry.objects.get(action="api_key.switched").actor_label == "a…@example.test"
    assert "b" * 32 not in str(list(Entry.objects.values()))


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"key": WRONG}, "key", "does not accept this API key. Copy it again"),
        ({"key": "aaaaaaaa"}, "key", "only the prefix"),
        ({"key": ""}, "key", "required"),
        ({"base_url": "http://127.0.0.1:9"}, "base_url", "does not take connections. Check the base URL"),
        ({"base_url": "https://u:p@cloud.clarius.com"}, "base_url", "cannot be used"),
        ({"base_url": "http://8.8.8.8"}, "base_url", "by https at the usual port only"),
        ({"base_url": "https://10.0.0.8"}, "base_url", "internal network"),
        ({"slug": "Echo Lab"}, "slug", "lower-case letters"),
        ({"name": "Эхо", "slug": ""}, "slug", "Enter one"),
        ({"name": WRONG}, "name", "Enter it in the last field"),
        ({"name": "a\x00b"}, "name", "Null characters"),
    ],
)
def test_a_refusal_names_the_next_step_and_stores_nothing(
    client: Client, fill: Fill, changes: dict[str, str], field: str, words: str
) -> None:
    answer = fill(**changes)
    assert words in _errors(answer)[field]
    assert (Service.objects.count(), ApiKey.objects.count()) == (0, 0)
    typed = answer.context["form"].data["key"]
    assert not typed or changes.get("name") == typed or typed not in answer.content.decode()
    assert "b" * 32 not in str(dict(client.session))


def test_http_is_for_our_own_networks_only(client: Client, fill: Fill, settings: Any) -> None:
    settings.EGRESS_ALLOWED_NETWORKS = []
    assert "internal network" in _errors(fill())["base_url"]
    assert not Service.objects.exists()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "status", "status": 503}, "failed to answer. Check the base URL, or try again"),
        ({"kind": "status", "status": 404}, "There is no Clarius Cloud at this base URL."),
    ],
)
def test_a_cloud_that_cannot_answer_stores_nothing(
    cloud: Any, fill: Fill, fault: dict[str, Any], words: str
) -> None:
    cloud.fault(match="*", times=99, **fault)
    answer = fill()
    cloud.clear_faults()
    assert words in _errors(answer)["base_url"]
    assert not Service.objects.exists()


def test_a_slug_is_made_from_the_name(fill: Fill) -> None:
    fill(name="Écho reading, Nørth", slug="")
    assert Service.objects.get().slug == "echo-reading-nrth"


def test_a_taken_slug_changes_nothing_of_its_service(cloud: Any, fill: Fill) -> None:
    fill()
    before = _stored()
    said = _errors(fill(key=cloud.new_key(), name="Another"))
    assert "Echo reading has this slug already. Choose another slug" in said["slug"]
    assert _stored() == before


def test_a_key_of_a_connected_service_is_not_connected_again_under_another_slug(fill: Fill) -> None:
    fill()
    assert "belongs to Echo reading" in _errors(fill(slug="echo-2"))["key"]
    assert Service.objects.count() == 1


def test_a_form_that_is_sent_twice_has_one_effect(fill: Fill) -> None:
    first, second = fill(), fill()
    assert first.url == second.url
    assert (Service.objects.count(), ApiKey.objects.count()) == (1, 1)
    assert Entry.objects.filter(action="service.connected").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_same_key", [True, False])
def test_of_two_forms_at_the_same_moment_one_is_stored(scripted: ScriptedCloud, is_same_key: bool) -> None:
    person = make_person("administrator", is_staff=True, is_superuser=True)
    keys = [scripted.new_key()]
    keys.append(keys[0] if is_same_key else scripted.new_key())
    both_ask = Barrier(2, timeout=20)

    def answer() -> tuple[int, dict[str, str]]:
        try:
            both_ask.wait()
        except BrokenBarrierError:
            return 500, {}
        return 200, {"notification_url": "", "token_transfer_url": ""}

    scripted.script("GET", "services/settings/", answer)
    answers: list[Any] = []

    def send(client: Client, key: str) -> None:
        data = {"name": "Echo", "slug": "echo", "base_url": scripted.url, "key": key}
        answers.append(client.post(ADD, data))
        connections.close_all()

    threads = [Thread(target=send, args=(_proven(person), key)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.status_code for each in answers) == ([302, 302] if is_same_key else [302, 400])
    assert (Service.objects.count(), ApiKey.objects.count()) == (1, 1)
    assert Entry.objects.filter(action="service.connected", outcome="ok").count() == 1


def test_the_key_is_encrypted_in_the_database(cloud: Any, fill: Fill) -> None:
    key = cloud.new_key()
    fill(key=key)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM integrations_apikey")
        assert key.partition(".")[2] not in cursor.fetchone()[0]


def test_who_may_connect_a_service(cloud: Any, fill: Fill, client: Client) -> None:
    watcher = make_person("watcher", is_staff=True)
    watcher.user_permissions.add(
        *Permission.objects.filter(codename__in=["view_service", "manage_service", "operate_service"])
    )
    browsers = [
        Client(),
        _proven(make_person("outsider")),
        _proven(make_person("reviewer", "Reviewers")),
        _proven(watcher),
    ]
    data = {"name": "Echo", "slug": "echo", "base_url": cloud.url, "key": cloud.new_key()}
    assert [browser.get(ADD).status_code for browser in browsers] == [302, 302, 302, 403]
    assert [browser.post(ADD, data).status_code for browser in browsers] == [302, 302, 302, 403]
    assert not Service.objects.exists()
    assert b"Connect a service" not in browsers[3].get("/admin/integrations/service/").content
    assert client.get(ADD).status_code == 200
    assert ADD.encode() in client.get("/admin/integrations/service/").content


def test_the_password_is_required_and_earlier_input_is_dropped(cloud: Any) -> None:
    client = logged_in(make_person("administrator", "Administrators", is_staff=True))
    assert client.get(ADD).url.startswith("/accounts/reauthenticate/")
    key = cloud.new_key()
    data = {"name": "Echo", "slug": "echo", "base_url": cloud.url, "key": key}
    assert client.post(ADD, data).url == ADD
    assert not Service.objects.exists()
    assert key not in str(dict(client.session))
