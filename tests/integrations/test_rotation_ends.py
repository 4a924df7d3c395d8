"""A rotation that cannot continue: it ends automatically after a day, or when a person cancels it."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import Entry
from background.models import OutgoingMail
from background.runner import run
from integrations import keyring
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.changing import NotDone
from integrations.services.keys.rotation import (
    ROTATE,
    cancel_rotation,
    rotate_if_old,
    start_rotation,
)
from tests.around import after_the_first_statement
from tests.integrations.rotating import finish_rotation, key_works, listed_keys, run_rotation
from tests.people import make_person

pytestmark = pytest.mark.django_db
Step = KeyRotation.Step


@pytest.fixture
def user(db: None) -> Any:
    return make_person("administrator", "Administrators", is_staff=True)


def _outcomes(action: str) -> list[str]:
    return list(Entry.objects.filter(action=action).order_by("at", "pk").values_list("outcome", flat=True))


def _made_but_not_proven(cloud: Any, service: Service) -> KeyRotation:
    cloud.fault(match="settings", kind="status", status=503, times=99)
    rotation = run_rotation(start_rotation(service=service, cause="person"))
    cloud.clear_faults()
    assert rotation.step == Step.STORED
    return rotation


def _bodies() -> str:
    return "\n".join(mail.body for mail in OutgoingMail.objects.all())


@pytest.mark.parametrize("end", ["a refusal", "too many attempts", "cancelled"])
def test_the_new_key_survives_when_it_is_in_use_already(
    cloud: Any, cloud_service: Service, user: Any, end: str
) -> None:
    old = ApiKey.objects.get()
    rotation = _made_but_not_proven(cloud, cloud_service)
    cloud.revoke_key(key=old.secret)
    # The circuit finds the new key, which works.
    assert keyring.judge_refusal(service=cloud_service)
    if end == "cancelled":
        cancel_rotation(rotation=rotation, user=user, address=None)
    elif end == "a refusal":
        cloud.fault(match="settings", kind="status", status=400)
    else:
        KeyRotation.objects.update(attempt_count=12)
    ended = rotation if end == "cancelled" else run_rotation(rotation)
    assert ended.step == Step.FAILED
    assert ApiKey.objects.get(is_in_use=True).prefix == rotation.new_prefix
    assert key_works(cloud_service)
    if end != "cancelled":
        assert "The new key is in use" in _bodies()


def test_the_mail_names_the_key_that_is_in_use(cloud: Any, cloud_service: Service, user: Any) -> None:
    old = ApiKey.objects.get()
    rotation = start_rotation(service=cloud_service, cause="person")
    while rotation.step != Step.DRAINING:
        rotation = _step(rotation)
    # The new key was refused later, and the old one works again.
    ApiKey.objects.filter(is_in_use=True).update(is_in_use=False)
    ApiKey.objects.filter(pk=old.pk).update(is_in_use=True)
    assert run_rotation(rotation).step == Step.FAILED
    assert f"The key {old.prefix}… stays in use." in _bodies()
    assert "The new key is in use" not in _bodies()


def _step(rotation: KeyRotation) -> KeyRotation:
    run(ROTATE, pk=rotation.pk)
    return KeyRotation.objects.get(pk=rotation.pk)


def test_a_waiting_rotation_is_cancelled_by_a_person(cloud: Any, cloud_service: Service, user: Any) -> None:
    old = ApiKey.objects.get()
    rotation = _made_but_not_proven(cloud, cloud_service)
    cancel_rotation(rotation=rotation, user=user, address=None)
    ended = KeyRotation.objects.get()
    assert (ended.step, ended.not_before) == (Step.FAILED, None)
    assert ended.problem == "A person cancelled it."
    assert ApiKey.objects.get(is_in_use=True) == old
    assert listed_keys(cloud_service) == {old.prefix}
    assert _outcomes("api_key.rotation_cancelled") == ["ok"]
    # A worker that comes late finds nothing to do.
    assert run_rotation(ended).step == Step.FAILED
    with pytest.raises(NotDone):
        cancel_rotation(rotation=ended, user=user, address=None)
    assert _outcomes("api_key.rotation_cancelled") == ["ok", "refused"]
    assert finish_rotation(start_rotation(service=cloud_service, cause="person")).step == Step.DONE


def test_a_rotation_that_a_worker_leases_is_not_cancelled(cloud_service: Service, user: Any) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    KeyRotation.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(NotDone, match="is running at the moment"):
        cancel_rotation(rotation=rotation, user=user, address=None)
    assert KeyRotation.objects.get().step == Step.INTENDED


def test_without_a_working_key_it_ends_after_a_day(cloud: Any, cloud_service: Service, user: Any) -> None:
    cloud.revoke_key(key=ApiKey.objects.get().secret)
    rotation = run_rotation(start_rotation(service=cloud_service, cause="person"))
    assert rotation.step == Step.INTENDED
    KeyRotation.objects.update(created_at=timezone.now() - timedelta(hours=25))
    ended = run_rotation(rotation)
    assert ended.step == Step.FAILED
    assert "for a day" in ended.problem
    assert _outcomes("api_key.rotation_failed") == ["failed"]


def test_no_rotation_starts_while_every_key_is_refused(cloud: Any, cloud_service: Service, user: Any) -> None:
    cloud.revoke_key(key=ApiKey.objects.get().secret)
    keyring.judge_refusal(service=cloud_service)
    with pytest.raises(NotDone, match="No stored key works"):
        start_rotation(service=cloud_service, cause="person", user=user)
    assert not KeyRotation.objects.exists()
    assert _outcomes("api_key.rotation_started") == ["refused"]


def test_a_second_request_is_audited_as_refused(cloud_service: Service, user: Any) -> None:
    for _ in range(2):
        try:
            start_rotation(service=cloud_service, cause="person", user=user)
        except NotDone:
            continue
    assert _outcomes("api_key.rotation_started") == ["ok", "refused"]


def test_the_key_of_a_paused_service_is_not_replaced_on_schedule(
    cloud: Any, cloud_service: Service, settings: Any
) -> None:
    settings.API_KEY_ROTATION_DAYS = 90
    ApiKey.objects.update(in_use_since=timezone.now() - timedelta(days=900))
    Service.objects.update(is_active=False)
    assert rotate_if_old(service=cloud_service) is None
    Service.objects.update(is_active=True)
    rotation = rotate_if_old(service=cloud_service)
    assert rotation is not None
    # It was paused before a worker took the row.
    Service.objects.update(is_active=False)
    assert run_rotation(rotation).step == Step.FAILED
    assert "POST" not in {call["method"] for call in cloud.calls(path="api-keys")}


def test_the_command_reports_in_a_sentence_that_another_rotation_began(
    cloud_service: Service,
) -> None:
    # The other rotation begins between the check and the start.
    begins = after_the_first_statement(
        "SELECT",
        "integrations_keyrotation",
        act=lambda: start_rotation(service=cloud_service, cause="person"),
    )
    with begins, pytest.raises(CommandError, match="being replaced already"):
        call_command("rotate_api_key", "echo", stdout=StringIO())
