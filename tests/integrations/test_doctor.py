"""`manage.py doctor` reports problems in plain words, and its exit code tells if there are any."""

import json
import shutil
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
from foundation.checks import find_problems
from foundation.crypto import lookup_digest
from integrations.clarius import ClariusClient
from integrations.keyring import client_for
from integrations.models import ApiKey, Customer, RemoteState, Service
from integrations.services.settings.push import push_settings
from tests.integrations.scripted import ScriptedCloud
from tests.people import make_person

pytestmark = pytest.mark.django_db
PROBE = "/webhooks/clarius/echo/probe/"
OTHER_KEY = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="


@pytest.fixture
def well(cloud_service: Service, scripted: ScriptedCloud, settings: Any, tmp_path: Path) -> Service:
    """A healthy portal; the double answers at the portal's address."""
    scripted.script("GET", PROBE, lambda: (405, {}))
    settings.PUBLIC_URL = scripted.url
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
    """Return whether the portal is healthy, the sentences of the failed checks, and the whole output."""
    out = StringIO()
    try:
        call_command("doctor", *arguments, "--json", stdout=out)
        is_well = True
    except CommandError:
        is_well = False
    printed = json.loads(out.getvalue())
    assert printed["is_well"] == is_well
    failed = {each["code"]: each["sentence"] for each in printed["findings"] if each["level"] == "failed"}
    return is_well, failed, out.getvalue()


def _finding(name: str) -> tuple[str, str]:
    """Return level and sentence of one check."""
    found = [each for each in json.loads(_ask()[2])["findings"] if each["code"] == name]
    return found[0]["level"], found[0]["sentence"]


def test_a_working_portal_is_healthy_and_shows_no_secret(well: Service) -> None:
    is_well, failed, printed = _ask()
    assert (is_well, failed) == (True, {})
    for secret in (well.webhook_secret, ApiKey.objects.get().secret):
        assert secret not in printed


def test_without_json_it_prints_lines(well: Service) -> None:
    out = StringIO()
    call_command("doctor", "echo", stdout=out)
    assert out.getvalue().endswith("All checks passed.\n")
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


DAYS_AGO = timezone.now() - timedelta(hours=49)
LONG_AGO = timezone.now() - timedelta(hours=5)
WRONG: dict[str, tuple[Callable[[Service, Any], Any], str, str]] = {
    "no key": (lambda *_: ApiKey.objects.all().delete(), "api-key", "No API key is in use"),
    "prefix only": (_prefix_only, "api-key", "only the prefix"),
    "base URL not https": (_plain_http, "base-url", "not https"),
    "base URL unusable": (_update(base_url="https://a\\@b.example"), "base-url", "cannot be used"),
    "host away": (_update(base_url="http://127.0.0.1:9"), "api-key", "does not take connections"),
    "TLS failure": (lambda well, _: _speak_tls(well), "api-key", "No secure connection"),
    "settings not ours": (_drift, "settings-differ", "another deployment"),
    "never polled": (_update(polled_at=None, created_at=LONG_AGO), "never-polled", "never polled"),
    "poll overdue": (_update(polled_at=LONG_AGO), "poll-overdue", "minutes ago"),
    "clock": (_update(polled_at=timezone.now() + timedelta(hours=2)), "clock", "slow"),
    "circuit open": (_update(circuit_opened_at=LONG_AGO), "api-key", "still wait"),
    "full pass overdue": (_update(full_polled_at=DAYS_AGO), "full-poll-overdue", "last one"),
    "no full pass": (_update(created_at=DAYS_AGO), "full-poll-overdue", "none yet"),
    "no service": (lambda *_: _forget_services(), "services", "No service is connected"),
    "every service paused": (_update(is_active=False), "services", "paused"),
    "worker ahead": (lambda *_: _heartbeat("worker", minutes=20), "worker-silent", "clock"),
    "nothing listens": (_set("PUBLIC_URL", "http://127.0.0.1:9"), "webhook", "does not answer"),
    "name unknown": (lambda well, settings: _name(well, settings), "public-address", "could not be resolved"),
    "webhook name unknown": (lambda well, settings: _name(well, settings), "webhook", "resolved"),
    "look-up key": (lambda well, settings: _lookup_key(well, settings), "stored-secrets", "1 of 1 customers"),
    "old token": (
        lambda well, settings: _old_token(well, settings),
        "stored-secrets",
        "1 of 301",
    ),
    "no worker": (lambda *_: Heartbeat.objects.filter(name="worker").delete(), "worker-silent", "Start it"),
    "beat silent": (lambda *_: Heartbeat.objects.update(seen_at=LONG_AGO), "beat-silent", "last seen"),
    "media not writable": (_set("MEDIA_ROOT", "/proc/nowhere"), "media-folder", "cannot be written"),
    "disk full": (_set("MIN_FREE_MB", 10**9), "disk-full", "less than MIN_FREE_MB"),
    "encryption key missing": (
        _set("FIELD_ENCRYPTION_KEYS", [OTHER_KEY]),
        "stored-secrets",
        "cannot be decrypted",
    ),
    "broker away": (_set("CELERY_BROKER_URL", "redis://127.0.0.1:9/0"), "broker", "cannot be reached"),
    "public address local": (_set("PUBLIC_URL", "https://127.0.0.1"), "public-address", "no other machine"),
    "public address private": (_set("PUBLIC_URL", "https://10.1.2.3"), "public-address", "public address"),
}


def _forget_services() -> None:
    ApiKey.objects.all().delete()
    Service.objects.all().delete()


def _heartbeat(name: str, **ahead: float) -> None:
    Heartbeat.objects.filter(name=name).update(seen_at=timezone.now() + timedelta(**ahead))


def _name(well: Service, settings: Any) -> None:
    settings.PUBLIC_URL = "https://nothing.invalid"


def _customer(service: Service, token: str) -> Customer:
    return Customer(service=service, token=token, token_digest=lookup_digest(token))


def _lookup_key(well: Service, settings: Any) -> None:
    _customer(well, "t" * 30).save()
    settings.TOKEN_LOOKUP_KEY = "another-" * 6


def _old_token(well: Service, settings: Any) -> None:
    good = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [OTHER_KEY]
    _customer(well, "o" * 30).save()
    settings.FIELD_ENCRYPTION_KEYS = good
    Customer.objects.bulk_create([_customer(well, f"{number:030d}") for number in range(300)])


def _speak_tls(well: Service) -> None:
    Service.objects.update(base_url=well.base_url.replace("http://", "https://"))


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_is_reported(
    name: str, well: Service, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Celery prefers this variable to the settings.
    monkeypatch.delenv("CELERY_BROKER_URL", raising=False)
    break_it, check, words = WRONG[name]
    break_it(well, settings)
    is_well, failed, _ = _ask()
    assert not is_well
    assert words in failed[check]


def test_a_refused_key_is_reported(cloud: Any, well: Service) -> None:
    cloud.revoke_key(key=ApiKey.objects.get().secret)
    assert "refuses every stored API key" in _ask()[1]["api-key"]


def test_missing_migrations_are_reported_before_anything_else(well: Service) -> None:
    MigrationRecorder.Migration.objects.filter(app="portal").delete()
    is_well, failed, _ = _ask()
    assert not is_well
    assert list(failed) == ["migrations"]
    assert "manage.py migrate" in failed["migrations"]


def test_one_service_can_be_checked(well: Service) -> None:
    Service.objects.create(slug="other", name="Other", base_url="https://10.0.0.1")
    assert "api-key" in _ask()[1]
    assert _ask("echo")[0]
    assert _ask("--service", "echo")[0]
    is_well, failed, _ = _ask("nobody")
    assert (is_well, failed["service"]) == (False, "There is no service with this slug.")
    with pytest.raises(CommandError, match="checks failed"):
        call_command("doctor", "nobody", stdout=StringIO())


def test_a_refused_list_of_exams_fails(well: Service, cloud: Any) -> None:
    assert _finding("exam-list") == ("ok", "Clarius Cloud lists the exams.")
    cloud.fault(match="accessible", kind="status", status=403, times=9)
    is_well, failed, _ = _ask()
    assert not is_well
    assert list(failed) == ["exam-list"]
    assert "did not accept the API key for this call" in failed["exam-list"]


def test_the_list_of_exams_is_not_read_with_a_key_that_does_not_work(well: Service, cloud: Any) -> None:
    cloud.revoke_key(key=ApiKey.objects.get().secret)
    RemoteState.objects.update(read_at=LONG_AGO)
    assert _finding("exam-list")[0] == "skipped"


def test_a_sandbox_needs_no_https(well: Service) -> None:
    assert _finding("public-address")[0] == "ok"
    other = Service.objects.create(slug="other", name="Other", base_url="https://10.0.0.1")
    level, words = _finding("public-address")
    assert (level, "is not https" in words) == ("note", True)
    other.delete()
    Service.objects.update(is_poll_only=True)
    assert _finding("public-address")[0] == "note"


def test_notes_do_not_fail(well: Service, settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    Service.objects.update(is_poll_only=True)
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    _, _, printed = _ask()
    levels = {each["code"]: each["level"] for each in json.loads(printed)["findings"]}
    assert (levels["public-address"], levels["mail-server"], levels["webhook"]) == ("note", "note", "skipped")


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [(405, "ok", "answers"), (301, "failed", "redirects"), (404, "failed", "notifications are lost")],
)
def test_the_webhook_is_called_at_the_public_address(
    well: Service, scripted: ScriptedCloud, status: int, level: str, words: str
) -> None:
    scripted.script("GET", PROBE, lambda: (status, {}))
    assert _finding("webhook")[0] == level
    assert words in _finding("webhook")[1]


def test_a_webhook_that_must_not_be_called_is_reported_as_not_called(well: Service, settings: Any) -> None:
    settings.EGRESS_ALLOWED_NETWORKS = ()
    level, words = _finding("webhook")
    assert level == "note"
    assert "was not called: the egress rules forbid it" in words


@pytest.mark.parametrize(
    ("hours", "level"), [(3, "failed"), (-3, "failed"), (0.02, "note"), (-0.02, "note"), (0, "ok")]
)
def test_the_clock_is_compared_with_the_clouds(
    well: Service, monkeypatch: pytest.MonkeyPatch, hours: float, level: str
) -> None:
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(hours=hours))
    now = timezone.now()
    Heartbeat.objects.update(seen_at=now)
    Service.objects.update(polled_at=now, created_at=now)
    ApiKey.objects.update(created_at=now)
    found, words = _finding("clock")
    assert found == level
    if hours:
        assert ("fast" if hours > 0 else "slow") in words


def test_the_clock_is_not_compared_if_the_cloud_sends_no_date(
    well: Service, scripted: ScriptedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClariusClient, "last_date", None)
    assert _finding("clock")[0] == "skipped"


@pytest.mark.parametrize(("wanted", "level", "tone"), [(2, "failed", "bad"), (0.5, "note", "warn")])
def test_a_disk_that_fills_up_is_judged_as_on_the_page_of_problems(
    well: Service, settings: Any, wanted: float, level: str, tone: str
) -> None:
    # Compared with what is free: other programs write meanwhile.
    settings.MIN_FREE_MB = int(wanted * (shutil.disk_usage(settings.MEDIA_ROOT).free >> 20))
    code = "disk-full" if level == "failed" else "disk-nearly-full"
    assert _finding(code)[0] == level
    (problem,) = [each for each in find_problems() if each.code.startswith("disk")]
    assert problem.code == code
    assert problem.tone == tone


def test_a_paused_service_can_be_checked(well: Service) -> None:
    Service.objects.create(slug="other", name="Other", base_url="https://10.0.0.1", is_active=False)
    assert _finding("services")[0] == "note"
    assert "paused" in _ask("other")[1]["service-paused"].lower()


def test_a_standby_key_is_tried_when_the_key_in_use_is_missing(cloud: Any, well: Service) -> None:
    key = cloud.new_key()
    ApiKey.objects.update(prefix=key.partition(".")[0], secret=key, is_in_use=False)
    assert _ask()[1] == {}


@pytest.mark.parametrize(
    ("age", "poll", "full_poll"),
    [
        (timedelta(seconds=30), "less than a minute ago", "less than an hour ago"),
        (timedelta(seconds=90), "1 minute ago", "less than an hour ago"),
        (timedelta(minutes=61), "61 minutes ago", "1 hour ago"),
        (timedelta(hours=49), "2,940 minutes ago", "49 hours ago"),
    ],
)
def test_durations_are_written_as_people_say_them(
    well: Service, age: timedelta, poll: str, full_poll: str
) -> None:
    Service.objects.update(polled_at=timezone.now() - age, full_polled_at=timezone.now() - age)
    assert poll in _finding("poll-overdue")[1]
    Service.objects.update(polled_at=timezone.now())
    assert full_poll in _finding("full-poll-overdue")[1]
