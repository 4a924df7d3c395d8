"""Rotating the key in use: whatever happens, a working key is stored and none is left over."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import Entry
from background.models import OutgoingMail
from background.runner import run
from integrations.clarius.transport import Transport
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.changing import NotDone
from integrations.services.keys.changes import revoke_key
from integrations.services.keys.rotation import ROTATE, RotationUnderWay, rotate_if_old, start_rotation
from tests.integrations.rotating import finish_rotation, key_works, listed_keys, run_rotation
from tests.people import make_person

pytestmark = pytest.mark.django_db
Step = KeyRotation.Step


class Killed(BaseException):
    """The process ends here."""


class Killer:
    """Ends the process before its n-th effect: a call, the end of a call, or a write to the database."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, at: int) -> None:
        self.left = at
        self.has_struck = False
        self._is_armed = False
        call = Transport.call

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.tick()
            answer = call(*args, **kwargs)
            self.tick()
            return answer

        monkeypatch.setattr(Transport, "call", counted)

    def tick(self) -> None:
        if not self._is_armed:
            return
        self.left -= 1
        if self.left < 0 and not self.has_struck:
            self.has_struck = True
            raise Killed

    def on_query(self, execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE", "RELEASE")):
            self.tick()
        return execute(sql, *rest)

    @contextmanager
    def armed(self) -> Iterator[None]:
        self._is_armed = True
        with connection.execute_wrapper(self.on_query):
            try:
                yield
            except Killed:
                return
            finally:
                self._is_armed = False


def test_the_key_in_use_is_replaced_and_the_old_one_revoked(cloud: Any, cloud_service: Service) -> None:
    old = ApiKey.objects.get()
    rotation = finish_rotation(start_rotation(service=cloud_service, cause="person"))
    assert rotation.step == Step.DONE
    new = ApiKey.objects.get(is_in_use=True)
    assert (rotation.old_prefix, rotation.new_prefix) == (old.prefix, new.prefix)
    assert listed_keys(cloud_service) == {new.prefix}
    old.refresh_from_db()
    assert old.revoked_at is not None
    assert old.secret == ""
    actions = set(Entry.objects.values_list("action", flat=True))
    assert {"api_key.rotation_started", "api_key.created", "api_key.switched", "api_key.rotated"} <= actions


@pytest.mark.parametrize("at", range(30))
def test_a_crash_between_any_two_steps_leaves_a_working_key_and_is_resumed(
    cloud: Any, cloud_service: Service, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    killer = Killer(monkeypatch, at=at)
    for _ in range(6):
        with killer.armed():
            run_rotation(rotation)
        assert key_works(cloud_service)
        if killer.has_struck:
            break
    if not killer.has_struck:
        # There are fewer effects: smaller numbers met every point between two steps.
        assert at > 20
    ended = finish_rotation(rotation)
    assert ended.step == Step.DONE
    assert key_works(cloud_service)
    assert listed_keys(cloud_service) == {ended.new_prefix}
    stored = ApiKey.objects.filter(revoked_at=None)
    assert [key.prefix for key in stored] == [ended.new_prefix]


def test_a_key_whose_answer_was_lost_is_revoked_and_created_again(cloud: Any, cloud_service: Service) -> None:
    # The first call to the keys is the list; the one after it creates.
    rotation = start_rotation(service=cloud_service, cause="person")
    cloud.fault(match="keys", kind="delay", seconds=0)
    cloud.fault(match="keys", kind="cut_after")
    waiting = run_rotation(rotation)
    assert (waiting.step, waiting.attempt_count) == (Step.INTENDED, 0)
    assert len(listed_keys(cloud_service)) == 2
    ended = finish_rotation(rotation)
    assert ended.step == Step.DONE
    assert listed_keys(cloud_service) == {ended.new_prefix}


def test_the_old_key_stays_while_jobs_may_use_it(cloud: Any, cloud_service: Service) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    Service.objects.update(lease_until=timezone.now() + timedelta(minutes=1), lease_token=7)
    for _ in range(3):
        rotation = run_rotation(rotation)
    assert rotation.step == Step.DRAINING
    assert {rotation.old_prefix, rotation.new_prefix} == listed_keys(cloud_service)
    # The poll ended, and another one began, with the new key.
    Service.objects.update(lease_token=8)
    assert run_rotation(rotation).step == Step.DONE


def test_nothing_is_revoked_in_the_minutes_after_the_switch(cloud: Any, cloud_service: Service) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    run(ROTATE, pk=rotation.pk)
    waiting = KeyRotation.objects.get()
    assert waiting.step == Step.DRAINING
    assert waiting.not_before > timezone.now() + timedelta(seconds=60)
    assert len(listed_keys(cloud_service)) == 2


def test_a_service_has_one_rotation_at_a_time(cloud_service: Service) -> None:
    start_rotation(service=cloud_service, cause="person")
    with pytest.raises(RotationUnderWay):
        start_rotation(service=cloud_service, cause="command")
    assert KeyRotation.objects.count() == 1


def test_keys_of_a_rotation_in_progress_cannot_be_revoked(cloud: Any, cloud_service: Service) -> None:
    rotation = run_rotation(start_rotation(service=cloud_service, cause="person"))
    user = make_person("administrator", is_staff=True)
    for prefix in (rotation.old_prefix, rotation.new_prefix):
        with pytest.raises(NotDone):
            revoke_key(service=cloud_service, prefix=prefix, user=user, address=None)
    assert len(listed_keys(cloud_service)) == 2


def test_a_cloud_that_is_away_only_delays(cloud: Any, cloud_service: Service) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    cloud.fault(match="keys", kind="status", status=503, times=99)
    for _ in range(2):
        rotation = run_rotation(rotation)
        assert (rotation.step, rotation.attempt_count) == (Step.INTENDED, 0)
        assert rotation.problem
    cloud.clear_faults()
    assert finish_rotation(rotation).step == Step.DONE


def test_a_refused_creation_ends_the_rotation_and_keeps_the_old_key(
    cloud: Any, cloud_service: Service
) -> None:
    make_person("administrator", is_staff=True)
    rotation = start_rotation(service=cloud_service, cause="person")
    cloud.fault(match="keys", kind="delay", seconds=0)
    cloud.fault(match="keys", kind="status", status=400)
    ended = run_rotation(rotation)
    assert ended.step == Step.FAILED
    assert ended.problem
    assert key_works(cloud_service)
    assert OutgoingMail.objects.filter(subject__contains="could not be replaced").count() == 1
    # The next rotation may begin.
    assert finish_rotation(start_rotation(service=cloud_service, cause="person")).step == Step.DONE


def test_a_refused_revocation_keeps_both_keys_and_sends_an_alert(cloud: Any, cloud_service: Service) -> None:
    make_person("administrator", is_staff=True)
    rotation = start_rotation(service=cloud_service, cause="person")
    while rotation.step != Step.DRAINING:
        run(ROTATE, pk=rotation.pk)
        rotation = KeyRotation.objects.get()
    cloud.fault(match="keys", kind="status", status=400)
    ended = run_rotation(rotation)
    assert ended.step == Step.FAILED
    assert listed_keys(cloud_service) == {ended.old_prefix, ended.new_prefix}
    assert ApiKey.objects.filter(revoked_at=None).count() == 2
    assert sum("new key is in use" in mail.body for mail in OutgoingMail.objects.all()) == 1


def test_a_refused_key_lets_the_rotation_wait_until_another_one_works(
    cloud: Any, cloud_service: Service
) -> None:
    old = ApiKey.objects.get()
    cloud.revoke_key(key=old.secret)
    rotation = run_rotation(start_rotation(service=cloud_service, cause="person"))
    assert (rotation.step, rotation.attempt_count) == (Step.INTENDED, 0)
    key = cloud.new_key()
    ApiKey.objects.create(service=cloud_service, prefix=key.partition(".")[0], secret=key)
    rotation = finish_rotation(rotation)
    assert rotation.step == Step.DONE
    assert Service.objects.get().circuit_opened_at is None
    assert key_works(cloud_service)


@pytest.mark.parametrize(("days", "age", "is_begun"), [(0, 900, False), (90, 89, False), (90, 91, True)])
def test_a_key_is_replaced_on_schedule_only_if_the_setting_says_so(
    service: Service, settings: Any, days: int, age: int, is_begun: bool
) -> None:
    settings.API_KEY_ROTATION_DAYS = days
    ApiKey.objects.update(in_use_since=timezone.now() - timedelta(days=age))
    rotate_if_old(service=service)
    assert KeyRotation.objects.exists() == is_begun
    rotate_if_old(service=service)
    assert KeyRotation.objects.count() == int(is_begun)
