"""Replacing the key in use: whatever happens, one that works is stored and no other is left over."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from audit.models import Entry
from background.models import OutgoingMail
from integrations.clarius.transport import Transport
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.clients import client_with
from integrations.services.keys import KeyProblem, revoke_key
from integrations.services.rotation import RotationUnderWay, rotate_if_old, start_rotation
from integrations.tasks import rotate_key
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


def _run(rotation: KeyRotation) -> KeyRotation:
    """Let a worker have the row as if the times to wait were over."""
    long_ago = timezone.now() - timedelta(minutes=30)
    KeyRotation.objects.filter(pk=rotation.pk).update(lease_until=None)
    KeyRotation.objects.filter(pk=rotation.pk, switched_at__isnull=False).update(switched_at=long_ago)
    KeyRotation.objects.filter(pk=rotation.pk).exclude(step__in=KeyRotation.ENDED).update(not_before=long_ago)
    rotate_key(rotation.pk)
    return KeyRotation.objects.get(pk=rotation.pk)


def _finish(rotation: KeyRotation, *, turns: int = 6) -> KeyRotation:
    for _ in range(turns):
        rotation = _run(rotation)
        if rotation.step in KeyRotation.ENDED:
            break
    return rotation


def _works(service: Service) -> bool:
    secret = ApiKey.objects.get(service=service, is_in_use=True).secret
    with client_with(base_url=service.base_url, secret=secret) as client:
        client.get_settings()
    return True


def _listed(service: Service) -> set[str]:
    with client_with(
        base_url=service.base_url, secret=ApiKey.objects.get(service=service, is_in_use=True).secret
    ) as client:
        return {key.prefix for key in client.list_api_keys()}


def test_the_key_in_use_is_replaced_and_the_old_one_revoked(cloud: Any, cloud_service: Service) -> None:
    old = ApiKey.objects.get()
    rotation = _finish(start_rotation(service=cloud_service, cause="person"))
    assert rotation.step == Step.DONE
    new = ApiKey.objects.get(is_in_use=True)
    assert (rotation.old_prefix, rotation.new_prefix) == (old.prefix, new.prefix)
    assert _listed(cloud_service) == {new.prefix}
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
            _run(rotation)
        assert _works(cloud_service)
        if killer.has_struck:
            break
    if not killer.has_struck:
        # So many effects there are not: every point between two steps was met by a smaller number.
        assert at > 20
    ended = _finish(rotation)
    assert ended.step == Step.DONE
    assert _works(cloud_service)
    assert _listed(cloud_service) == {ended.new_prefix}
    stored = ApiKey.objects.filter(revoked_at=None)
    assert [key.prefix for key in stored] == [ended.new_prefix]


def test_a_key_whose_answer_was_lost_is_revoked_and_made_again(cloud: Any, cloud_service: Service) -> None:
    # The first call to the keys is the list; the one after it creates.
    rotation = start_rotation(service=cloud_service, cause="person")
    cloud.fault(match="keys", kind="delay", seconds=0)
    cloud.fault(match="keys", kind="cut_after")
    waiting = _run(rotation)
    assert (waiting.step, waiting.attempt_count) == (Step.INTENDED, 0)
    assert len(_listed(cloud_service)) == 2
    ended = _finish(rotation)
    assert ended.step == Step.DONE
    assert _listed(cloud_service) == {ended.new_prefix}


def test_the_old_key_lives_while_work_that_may_use_it_is_under_way(
    cloud: Any, cloud_service: Service
) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    Service.objects.update(lease_until=timezone.now() + timedelta(minutes=1), lease_token=7)
    for _ in range(3):
        rotation = _run(rotation)
    assert rotation.step == Step.DRAINING
    assert {rotation.old_prefix, rotation.new_prefix} == _listed(cloud_service)
    # The poll ended, and another one, which took the new key, began.
    Service.objects.update(lease_token=8)
    assert _run(rotation).step == Step.DONE


def test_nothing_is_revoked_in_the_minutes_after_the_switch(cloud: Any, cloud_service: Service) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    rotate_key(rotation.pk)
    waiting = KeyRotation.objects.get()
    assert waiting.step == Step.DRAINING
    assert waiting.not_before > timezone.now() + timedelta(seconds=60)
    assert len(_listed(cloud_service)) == 2


def test_only_one_rotation_of_a_service_is_under_way(cloud_service: Service) -> None:
    start_rotation(service=cloud_service, cause="person")
    with pytest.raises(RotationUnderWay):
        start_rotation(service=cloud_service, cause="command")
    assert KeyRotation.objects.count() == 1


def test_keys_of_a_replacement_under_way_cannot_be_revoked(cloud: Any, cloud_service: Service) -> None:
    rotation = _run(start_rotation(service=cloud_service, cause="person"))
    user = make_person("administrator", is_staff=True)
    for prefix in (rotation.old_prefix, rotation.new_prefix):
        with pytest.raises(KeyProblem):
            revoke_key(service=cloud_service, prefix=prefix, user=user, address=None)
    assert len(_listed(cloud_service)) == 2


def test_a_cloud_that_is_away_only_delays(cloud: Any, cloud_service: Service) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    cloud.fault(match="keys", kind="status", status=503, times=99)
    for _ in range(2):
        rotation = _run(rotation)
        assert (rotation.step, rotation.attempt_count) == (Step.INTENDED, 0)
        assert rotation.problem
    cloud.clear_faults()
    assert _finish(rotation).step == Step.DONE


def test_a_refused_creation_ends_the_rotation_and_keeps_the_old_key(
    cloud: Any, cloud_service: Service
) -> None:
    make_person("administrator", is_staff=True)
    rotation = start_rotation(service=cloud_service, cause="person")
    cloud.fault(match="keys", kind="delay", seconds=0)
    cloud.fault(match="keys", kind="status", status=400)
    ended = _run(rotation)
    assert ended.step == Step.FAILED
    assert ended.problem
    assert _works(cloud_service)
    assert OutgoingMail.objects.filter(subject__contains="could not be replaced").count() == 1
    # The next one may begin.
    assert _finish(start_rotation(service=cloud_service, cause="person")).step == Step.DONE


def test_a_refused_revocation_keeps_both_keys_and_tells(cloud: Any, cloud_service: Service) -> None:
    make_person("administrator", is_staff=True)
    rotation = start_rotation(service=cloud_service, cause="person")
    while rotation.step != Step.DRAINING:
        rotate_key(rotation.pk)
        rotation = KeyRotation.objects.get()
    cloud.fault(match="keys", kind="status", status=400)
    ended = _run(rotation)
    assert ended.step == Step.FAILED
    assert _listed(cloud_service) == {ended.old_prefix, ended.new_prefix}
    assert ApiKey.objects.filter(revoked_at=None).count() == 2
    assert OutgoingMail.objects.filter(body__contains="new key is in use").count() == 1


def test_a_refused_key_lets_the_rotation_wait_until_another_one_works(
    cloud: Any, cloud_service: Service
) -> None:
    old = ApiKey.objects.get()
    cloud.revoke_key(key=old.secret)
    rotation = _run(start_rotation(service=cloud_service, cause="person"))
    assert (rotation.step, rotation.attempt_count) == (Step.INTENDED, 0)
    key = cloud.new_key()
    ApiKey.objects.create(service=cloud_service, prefix=key.partition(".")[0], secret=key)
    rotation = _finish(rotation)
    assert rotation.step == Step.DONE
    assert Service.objects.get().circuit_opened_at is None
    assert _works(cloud_service)


@pytest.mark.parametrize(("days", "age", "is_begun"), [(0, 900, False), (90, 89, False), (90, 91, True)])
def test_a_key_is_replaced_on_schedule_only_where_that_is_wanted(
    service: Service, days: int, age: int, is_begun: bool
) -> None:
    ApiKey.objects.update(in_use_since=timezone.now() - timedelta(days=age))
    rotate_if_old(service=service, days=days)
    assert KeyRotation.objects.exists() == is_begun
    rotate_if_old(service=service, days=days)
    assert KeyRotation.objects.count() == int(is_begun)
