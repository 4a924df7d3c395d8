"""Two people replace or add keys at once: the key in use is never the one that is revoked."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from audit.models import Entry
from background.runner import run
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.changing import NotDone
from integrations.services.keys.changes import add_typed_key
from integrations.services.keys.rotation import ROTATE, start_rotation
from tests.integrations.rotating import finish_rotation, key_works, run_rotation
from tests.integrations.scripted import ScriptedCloud
from tests.people import make_person

Step = KeyRotation.Step
KEYS = "services/api-keys/"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_listed", [True, False])
def test_a_worker_that_slept_until_another_switched_neither_revokes_nor_creates_a_key(
    service: Service, scripted: ScriptedCloud, is_listed: bool
) -> None:
    rotation = start_rotation(service=service, cause="person")
    key = scripted.new_key()
    prefix = key.partition(".")[0]

    def switched_meanwhile() -> tuple[int, Any]:
        ApiKey.objects.update(is_in_use=False)
        ApiKey.objects.create(service=service, prefix=prefix, secret=key, is_in_use=True)
        KeyRotation.objects.update(
            lease_token=F("lease_token") + 1,
            new_prefix=prefix,
            step=Step.SWITCHED,
            switched_at=timezone.now(),
        )
        # This runs in a thread of the double, so its connection has to be closed here.
        connection.close()
        listed = {"prefix": prefix, "name": rotation.name, "created": timezone.now().isoformat()}
        return 200, [listed] if is_listed else []

    scripted.script("GET", KEYS, switched_meanwhile)
    run(ROTATE, pk=rotation.pk)
    assert scripted.calls == [("GET", KEYS)]
    assert ApiKey.objects.get(is_in_use=True).prefix == prefix
    assert KeyRotation.objects.get().step == Step.SWITCHED


@pytest.mark.django_db
@pytest.mark.parametrize("is_to_be_used", [True, False])
def test_a_key_that_is_being_replaced_is_not_typed_in_again(
    cloud: Any, cloud_service: Service, is_to_be_used: bool
) -> None:
    old = ApiKey.objects.get().secret
    rotation = run_rotation(start_rotation(service=cloud_service, cause="person"))
    user = make_person("administrator", is_staff=True)
    new = ApiKey.objects.get(is_in_use=True).secret
    for key in (old, new):
        with pytest.raises(NotDone, match="Wait until that is over"):
            add_typed_key(
                service=cloud_service, key=key, is_to_be_used=is_to_be_used, user=user, address=None
            )
    assert Entry.objects.filter(action="api_key.typed", outcome="refused").count() == 2
    # Another key may be added in between.
    other = add_typed_key(
        service=cloud_service, key=cloud.new_key(), is_to_be_used=False, user=user, address=None
    )
    ended = finish_rotation(rotation)
    assert ended.step == Step.DONE
    assert ApiKey.objects.get(is_in_use=True).prefix == ended.new_prefix != other.prefix
    add_typed_key(service=cloud_service, key=new, is_to_be_used=is_to_be_used, user=user, address=None)


@pytest.mark.django_db
def test_an_old_key_that_comes_into_use_just_before_it_is_revoked_is_kept(
    cloud: Any, cloud_service: Service
) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    while rotation.step != Step.DRAINING:
        run(ROTATE, pk=rotation.pk)
        rotation.refresh_from_db()

    def used_meanwhile(execute: Any, sql: str, *rest: Any) -> Any:
        # The new key's secret is read after the check for jobs with the old key.
        if sql.startswith("SELECT") and "integrations_apikey" in sql and '"secret"' in sql:
            ApiKey.objects.filter(prefix=rotation.new_prefix).update(is_in_use=False)
            ApiKey.objects.filter(prefix=rotation.old_prefix).update(is_in_use=True)
        return execute(sql, *rest)

    with connection.execute_wrapper(used_meanwhile):
        ended = run_rotation(rotation)
    assert (ended.step, ended.problem) == (
        Step.FAILED,
        "The old key is in use again, so it was not revoked.",
    )
    assert ApiKey.objects.get(is_in_use=True).prefix == ended.old_prefix
    assert key_works(cloud_service)


@pytest.mark.django_db
def test_an_old_key_whose_revocation_got_no_answer_stays_standby_until_the_next_try(
    cloud: Any, cloud_service: Service
) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    while rotation.step != Step.DRAINING:
        run(ROTATE, pk=rotation.pk)
        rotation.refresh_from_db()
    cloud.fault(match="keys", kind="status", status=503, times=99)
    assert run_rotation(rotation).step == Step.DRAINING
    assert ApiKey.objects.get(prefix=rotation.old_prefix).revoked_at is None
    cloud.clear_faults()
    assert finish_rotation(rotation).step == Step.DONE
