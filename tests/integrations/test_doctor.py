"""`manage.py doctor` names what is wrong in plain words, and its exit code says whether all is well."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from background.models import Heartbeat
from integrations.models import ApiKey, Service
from integrations.services.clients import client_for
from integrations.services.push import push_settings
from tests.integrations.scripted import ScriptedCloud
from tests.people import make_person

pytestmark = pytest.mark.django_db
OTHER_KEY = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="


@pytest.fixture
def well(cloud_service: Service, settings: Any, tmp_path: Path) -> Service:
    """A portal in which all is well."""
    settings.MEDIA_ROOT = str(tmp_path)
    settings.MIN_FREE_MB = 0
    settings.CELERY_BROKER_URL = "memory://"
    now = timezone.now()
    for name in ("worker", "beat"):
        Heartbeat.objects.create(name=name, host="here", pid=7, seen_at=now)
    Service.objects.update(polled_at=now)
    cloud_service.refresh_from_db()
    user = make_person("administrator", is_staff=True)
    push_settings(service=cloud_service, is_notified=True, is_connectable=True, user=user, address=None)
    return cloud_service


def _ask(*arguments: str) -> tuple[bool, dict[str, str], str]:
    """Return whether all is well, the sentences of what failed, and everything that was printed."""
    out = StringIO()
    try:
        call_command("doctor", *arguments, "--json", stdout=out)
        is_well = True
    except CommandError:
        is_well = False
    told = json.loads(out.getvalue())
    assert told["is_well"] == is_well
    failed = {each["name"]: each["sentence"] for each in told["findings"] if each["level"] == "failed"}
    return is_well, failed, out.getvalue()


def test_a_portal_that_works_is_well_and_shows_no_secret(well: Service) -> None:
    is_well, failed, printed = _ask()
    assert (is_well, failed) == (True, {})
    for secret in (well.webhook_secret, ApiKey.objects.get().secret):
        assert secret not in printed


def test_without_json_it_speaks_in_lines(well: Service) -> None:
    out = StringIO()
    call_command("doctor", "echo", stdout=out)
    assert out.getvalue().endswith("All is well.\n")
    assert len(out.getvalue().splitlines()) > 12


def _prefix_only(well: Service, settings: Any) -> None:
    key = ApiKey.objects.get()
    key.secret = key.prefix
    key.save()


def _drift(well: Service, settings: Any) -> None:
    with client_for(service=well) as client:
        client.update_settings(notification_url="https://other.example.com/hook/")


def _plain_http(well: Service, settings: Any) -> None:
    Service.objects.update(is_sandbox=False)


def _set(name: str, value: Any) -> Callable[[Service, Any], None]:
    return lambda well, settings: setattr(settings, name, value)


def _update(**changes: Any) -> Callable[[Service, Any], Any]:
    return lambda well, settings: Service.objects.update(**changes)


LONG_AGO = timezone.now() - timedelta(hours=5)
WRONG: dict[str, tuple[Callable[[Service, Any], Any], str, str]] = {
    "no key": (lambda *_: ApiKey.objects.all().delete(), "key", "No API key is in use"),
    "prefix only": (_prefix_only, "key", "only the prefix"),
    "base URL not https": (_plain_http, "base_url", "not https"),
    "base URL unusable": (_update(base_url="https://a\\@b.example"), "base_url", "cannot be used"),
    "host away": (_update(base_url="http://127.0.0.1:9"), "key", "does not take connections"),
    "TLS failure": (lambda well, _: _speak_tls(well), "key", "No secure connection"),
    "settings not ours": (_drift, "settings", "another deployment"),
    "never polled": (_update(polled_at=None), "poll", "never polled"),
    "poll overdue": (_update(polled_at=LONG_AGO), "poll", "minutes ago"),
    "clock": (_update(polled_at=timezone.now() + timedelta(hours=2)), "clock", "slow"),
    "no worker": (lambda *_: Heartbeat.objects.filter(name="worker").delete(), "worker", "Start one"),
    "beat silent": (lambda *_: Heartbeat.objects.update(seen_at=LONG_AGO), "beat", "last seen"),
    "media not writable": (_set("MEDIA_ROOT", "/proc/nowhere"), "media", "cannot be written"),
    "disk full": (_set("MIN_FREE_MB", 10**9), "disk", "less than MIN_FREE_MB"),
    "encryption key missing": (_set("FIELD_ENCRYPTION_KEYS", [OTHER_KEY]), "secrets", "cannot be opened"),
    "broker away": (_set("CELERY_BROKER_URL", "redis://127.0.0.1:9/0"), "broker", "cannot be reached"),
    "public address local": (_set("PUBLIC_URL", "https://127.0.0.1"), "public_url", "nobody else"),
    "public address private": (_set("PUBLIC_URL", "https://10.1.2.3"), "public_url", "public address"),
}


def _speak_tls(well: Service) -> None:
    Service.objects.update(base_url=well.base_url.replace("http://", "https://"))


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_is_named(
    name: str, well: Service, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Celery prefers this variable to what the settings say.
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    break_it, check, words = WRONG[name]
    break_it(well, settings)
    is_well, failed, _ = _ask()
    assert not is_well
    assert words in failed[check]


def test_a_refused_key_is_named(cloud: Any, well: Service) -> None:
    cloud.revoke_key(key=ApiKey.objects.get().secret)
    assert "does not accept" in _ask()[1]["key"]


def test_missing_migrations_are_named_before_anything_else(well: Service) -> None:
    MigrationRecorder.Migration.objects.filter(app="portal").delete()
    is_well, failed, _ = _ask()
    assert not is_well
    assert list(failed) == ["database"]
    assert "manage.py migrate" in failed["database"]


def test_one_service_can_be_asked_for(well: Service) -> None:
    Service.objects.create(slug="other", name="Other", base_url="https://10.0.0.1")
    assert "key" in _ask()[1]
    assert _ask("echo")[0]
    assert _ask("--service", "echo")[0]
    with pytest.raises(CommandError, match="no service"):
        call_command("doctor", "nobody", stdout=StringIO())


def test_what_is_no_fault_does_not_fail(well: Service, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    Service.objects.update(is_poll_only=True)
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    _, _, printed = _ask()
    levels = {each["name"]: each["level"] for each in json.loads(printed)["findings"]}
    assert (levels["public_url"], levels["mail"], levels["webhook"]) == ("note", "note", "skipped")


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [(405, "ok", "answers"), (301, "failed", "redirects"), (404, "failed", "notifications are lost")],
)
def test_the_webhook_is_called_at_the_public_address(
    well: Service, scripted: ScriptedCloud, settings: Any, status: int, level: str, words: str
) -> None:
    scripted.script("GET", "/webhooks/clarius/echo/probe/", lambda: (status, {}))
    settings.PUBLIC_URL = scripted.url
    _, _, printed = _ask()
    (finding,) = [each for each in json.loads(printed)["findings"] if each["name"] == "webhook"]
    assert finding["level"] == level
    assert words in finding["sentence"]
