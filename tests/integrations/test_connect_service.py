"""`connect_service` only stores a working service, and tells how to fix a problem."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit.models import Entry
from integrations.models import ApiKey, Service
from tests.integrations.scripted import ScriptedCloud

pytestmark = pytest.mark.django_db
SETTINGS = "services/settings/"


@pytest.fixture
def key(scripted: ScriptedCloud, monkeypatch: pytest.MonkeyPatch) -> str:
    made = scripted.new_key()
    monkeypatch.setenv("CLARIUS_API_KEY", made)
    return made


def _connect(scripted: ScriptedCloud, *options: str, slug: str = "echo") -> dict[str, Any]:
    out = io.StringIO()
    call_command(
        "connect_service", slug, "--base-url", scripted.url, "--name", "Echo", "--json", *options, stdout=out
    )
    return json.loads(out.getvalue())


def test_registering_pushes_both_addresses_and_makes_the_first_poll_due(
    scripted: ScriptedCloud, key: str, settings: Any
) -> None:
    printed = _connect(scripted, "--register")
    service = Service.objects.get()
    assert (printed["is_registered"], printed["is_sandbox"], printed["problem"]) == (True, True, "")
    assert printed["webhook_url"] == f"{settings.PUBLIC_URL}/webhooks/clarius/echo/{service.webhook_secret}/"
    assert printed["connect_url"] == f"{settings.PUBLIC_URL}/connect/echo/?token={{token}}"
    assert scripted.settings == {
        "notification_url": printed["webhook_url"],
        "token_transfer_url": printed["connect_url"],
    }
    assert service.not_before is not None
    assert service.full_poll_due_at is not None
    assert (service.take, service.is_registered) == ("new", True)
    assert len(service.webhook_secret) >= 43
    assert set(Entry.objects.values_list("action", flat=True)) == {
        "service.connected",
        "api_key.switched",
        "service.registered",
    }


def test_the_stored_secrets_are_encrypted(scripted: ScriptedCloud, key: str) -> None:
    printed = _connect(scripted, "--poll-only")
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM integrations_apikey")
        stored = cursor.fetchone()[0]
        cursor.execute("SELECT webhook_secret FROM integrations_service")
        webhook = cursor.fetchone()[0]
    assert key.partition(".")[2] not in stored
    assert webhook not in printed["webhook_url"]
    assert ApiKey.objects.get().secret == key
    assert key.partition(".")[2] not in json.dumps(printed)


def test_poll_only_changes_nothing_at_the_cloud(scripted: ScriptedCloud, key: str) -> None:
    printed = _connect(scripted, "--poll-only")
    assert (printed["is_registered"], printed["is_poll_only"]) == (False, True)
    assert scripted.count("PATCH", SETTINGS) == 0


@pytest.mark.parametrize(
    "given",
    [
        "",
        "prefix00",
        "prefix00.",
        "Service-API-Key prefix00.0123456789abcdef0123",
        "pre fix00.0123456789abcdef",
        "nodot",
    ],
)
def test_a_malformed_key_is_refused_without_a_call(
    scripted: ScriptedCloud, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("CLARIUS_API_KEY", given)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(CommandError) as raised:
        _connect(scripted, "--register")
    assert "\n" not in str(raised.value)
    assert "key" in str(raised.value)
    assert scripted.calls == []
    assert not Service.objects.exists()


def test_a_refused_key_and_an_unreachable_host_store_nothing(
    scripted: ScriptedCloud, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CommandError, match=r"reach|connect"):
        call_command("connect_service", "echo", "--base-url", "http://127.0.0.1:9", "--poll-only")
    scripted.keys.clear()
    with pytest.raises(CommandError, match=r"^Clarius Cloud does not accept this API key\."):
        _connect(scripted, "--register")
    assert (Service.objects.count(), ApiKey.objects.count()) == (0, 0)
    assert scripted.count("PATCH", SETTINGS) == 0


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8\\@cloud.clarius.com/",
        "ftp://cloud.clarius.com",
        "https://u:p@cloud.clarius.com",
        "nonsense",
    ],
)
def test_a_base_url_that_is_ambiguous_is_refused(key: str, base_url: str) -> None:
    with pytest.raises(CommandError, match="base URL"):
        call_command("connect_service", "echo", "--base-url", base_url)
    assert not Service.objects.exists()


def test_a_refused_registration_keeps_the_service_and_running_again_resumes(
    scripted: ScriptedCloud, key: str
) -> None:
    scripted.script("PATCH", SETTINGS, lambda: (400, {"notification_url": ["Enter a valid URL."]}))
    with pytest.raises(CommandError, match="refused notification_url"):
        _connect(scripted, "--register")
    kept = Service.objects.get()
    assert (kept.is_registered, kept.not_before is not None) == (False, True)
    scripted.scripts.clear()
    printed = _connect(scripted, "--register")
    resumed = Service.objects.get()
    assert (printed["is_registered"], resumed.pk) == (True, kept.pk)
    assert resumed.webhook_secret == kept.webhook_secret
    assert ApiKey.objects.count() == 1


def test_a_service_is_not_registered_if_the_cloud_keeps_another_value(
    scripted: ScriptedCloud, key: str
) -> None:
    scripted.script("PATCH", SETTINGS, lambda: (200, {"notification_url": "", "token_transfer_url": ""}))
    with pytest.raises(CommandError, match="kept another value"):
        _connect(scripted, "--register")
    assert not Service.objects.get().is_registered


def test_another_deployments_addresses_are_replaced_and_that_is_reported(
    scripted: ScriptedCloud, key: str
) -> None:
    scripted.settings["notification_url"] = "https://elsewhere.example/hook/"
    assert _connect(scripted, "--register")["has_replaced_addresses"]
    assert not _connect(scripted, "--register")["has_replaced_addresses"]
    assert scripted.count("PATCH", SETTINGS) == 1


def test_a_new_key_is_used_and_the_former_one_stays_as_a_standby_key(
    scripted: ScriptedCloud, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _connect(scripted, "--poll-only")
    second = scripted.new_key()
    monkeypatch.setenv("CLARIUS_API_KEY", second)
    _connect(scripted, "--poll-only")
    assert ApiKey.objects.get(is_in_use=True).secret == second
    assert ApiKey.objects.get(is_in_use=False).secret == key


def test_a_connected_service_needs_only_its_slug(scripted: ScriptedCloud, key: str) -> None:
    _connect(scripted, "--poll-only")
    out = io.StringIO()
    call_command("connect_service", "echo", "--register", "--json", stdout=out)
    assert json.loads(out.getvalue())["is_registered"]
    assert Service.objects.get().base_url == scripted.url


def test_the_key_is_read_from_standard_input(
    scripted: ScriptedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLARIUS_API_KEY", raising=False)
    made = scripted.new_key()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{made}\n"))
    _connect(scripted, "--poll-only")
    assert ApiKey.objects.get().secret == made


def test_a_slug_stays_with_its_cloud_unless_both_are_sandboxes(scripted: ScriptedCloud, key: str) -> None:
    _connect(scripted, "--poll-only")
    Service.objects.update(base_url="http://127.0.0.1:9")
    assert _connect(scripted, "--poll-only")["base_url"] == scripted.url
    Service.objects.update(base_url="https://cloud.clarius.com", is_sandbox=False)
    with pytest.raises(CommandError, match="another base URL"):
        _connect(scripted, "--poll-only")
    assert Service.objects.get().base_url == "https://cloud.clarius.com"


def test_a_real_cloud_is_not_given_an_http_address(key: str, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    with pytest.raises(CommandError, match="PUBLIC_URL must begin with https://"):
        call_command("connect_service", "echo", "--register")
    assert not Service.objects.exists()


@pytest.mark.parametrize(
    ("options", "take", "since"),
    [
        (("--take", "all"), "all", None),
        (("--take", "new"), "new", None),
        (("--take", "since", "2026-01-31"), "since", datetime(2026, 1, 31, tzinfo=UTC)),
        (("--take", "since=2026-01-31"), "since", datetime(2026, 1, 31, tzinfo=UTC)),
        (("--take", "since", "2026-01-31T12:00:00Z"), "since", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        (("--take", "since 2026-01-31T12:00:00Z"), "since", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_the_choice_of_backlog_is_kept_until_it_is_changed(
    scripted: ScriptedCloud, key: str, options: tuple[str, ...], take: str, since: datetime | None
) -> None:
    _connect(scripted, "--poll-only", *options)
    assert (Service.objects.get().take, Service.objects.get().take_since) == (take, since)
    _connect(scripted, "--poll-only")
    assert (Service.objects.get().take, Service.objects.get().take_since) == (take, since)


@pytest.mark.parametrize(
    "words", [("since",), ("since", "yesterday"), ("since", "2026-13-01"), ("some",), ("all", "x")]
)
def test_a_wrong_take_is_refused_and_nothing_is_stored(
    scripted: ScriptedCloud, key: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(CommandError, match="--take"):
        _connect(scripted, "--take", *words)
    assert not Service.objects.exists()


@pytest.mark.parametrize("slug", ["Echo", "a b", "../x", "", "ö", "x" * 51])
def test_a_slug_that_an_address_cannot_contain_is_refused(
    scripted: ScriptedCloud, key: str, slug: str
) -> None:
    with pytest.raises(CommandError, match="slug"):
        _connect(scripted, slug=slug)
    assert scripted.calls == []


def test_it_works_against_the_running_sandbox(
    cloud: Any, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setenv("CLARIUS_API_KEY", cloud.new_key())
    out = io.StringIO()
    call_command("connect_service", "echo", "--base-url", cloud.url, "--register", "--json", stdout=out)
    assert json.loads(out.getvalue())["is_registered"]
    customer = cloud.add_customer()
    assert customer.connect_url == f"{settings.PUBLIC_URL}/connect/echo/?token={customer.token}"
