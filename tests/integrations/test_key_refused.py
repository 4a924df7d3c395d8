"""When the key in use is refused, others are tried; then calls stop, people are mailed, and calls resume."""

import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from background.models import OutgoingMail
from background.runner import run
from exams.services.intake.polling import POLL
from integrations.keyring import PROBE_EVERY
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.keys.rotation import start_rotation
from tests.people import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def alarmed(db: None) -> Any:
    make_person("administrator", is_staff=True)
    return lambda: list(OutgoingMail.objects.order_by("pk").values_list("subject", flat=True))


def _poll(service: Service) -> Service:
    past = timezone.now() - PROBE_EVERY - timedelta(seconds=1)
    Service.objects.update(not_before=past)
    Service.objects.filter(circuit_probe_at__isnull=False).update(circuit_probe_at=past)
    run(POLL, pk=service.pk)
    return Service.objects.get()


def _store(cloud: Any, service: Service) -> ApiKey:
    key = cloud.new_key(name="standby")
    return ApiKey.objects.create(service=service, prefix=key.partition(".")[0], secret=key)


def test_another_stored_key_takes_over_and_administrators_are_notified(
    cloud: Any, cloud_service: Service, alarmed: Any
) -> None:
    standby = _store(cloud, cloud_service)
    cloud.revoke_key(key=ApiKey.objects.get(is_in_use=True).secret)
    _poll(cloud_service)
    assert ApiKey.objects.get(is_in_use=True) == standby
    assert alarmed() == ["Echo reading now uses another API key"]
    assert _poll(cloud_service).polled_at is not None


def test_without_a_working_key_calls_stop_and_resume_automatically(
    cloud: Any, cloud_service: Service, alarmed: Any
) -> None:
    cloud.revoke_key(key=ApiKey.objects.get().secret)
    for _ in range(2):
        stopped = _poll(cloud_service)
    assert stopped.circuit_opened_at is not None
    assert alarmed() == ["Clarius Cloud refuses the API key of Echo reading"]
    _store(cloud, cloud_service)
    _poll(cloud_service)
    working = _poll(cloud_service)
    assert (working.circuit_opened_at, working.polled_at is not None) == (None, True)


def test_the_command_replaces_the_key_and_leaves_the_rest_to_the_worker(cloud_service: Service) -> None:
    out = StringIO()
    old = ApiKey.objects.get()
    call_command("rotate_api_key", "echo", "--no-wait", stdout=out)
    assert ApiKey.objects.get(is_in_use=True) != old
    assert "A worker continues." in out.getvalue()
    assert not [key.secret for key in ApiKey.objects.all() if key.secret in out.getvalue()]


def test_the_command_continues_a_rotation_and_waits_for_its_end(
    cloud_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")

    def let_time_pass(seconds: float) -> None:
        past = timezone.now() - timedelta(minutes=30)
        KeyRotation.objects.filter(switched_at__isnull=False).update(switched_at=past, not_before=past)

    monkeypatch.setattr(time, "sleep", let_time_pass)
    call_command("rotate_api_key", "echo", stdout=StringIO())
    rotation.refresh_from_db()
    assert rotation.step == KeyRotation.Step.DONE
    assert KeyRotation.objects.count() == 1


def test_the_command_prints_why_it_failed(cloud: Any, cloud_service: Service) -> None:
    cloud.fault(match="keys", kind="status", status=400)
    with pytest.raises(CommandError, match="refused the request"):
        call_command("rotate_api_key", "echo", stdout=StringIO())
    with pytest.raises(CommandError, match="no service"):
        call_command("rotate_api_key", "nobody", stdout=StringIO())
