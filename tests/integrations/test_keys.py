"""Keys are listed, created, added and revoked; the key in use is not, and no secret is shown."""

from dataclasses import replace
from typing import Any

import pytest

from audit.models import Entry
from background.runner import run
from integrations.clarius.keys import Secret
from integrations.models import ApiKey, RemoteState, Service
from integrations.services.changing import NotDone
from integrations.services.keys.changes import add_typed_key, create_key, revoke_key
from integrations.services.keys.listing import list_keys
from integrations.services.keys.rotation import ROTATE, start_rotation
from integrations.services.settings.remote_state import read_now
from tests.around import Around
from tests.people import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(db: None) -> Any:
    return make_person("administrator", "Administrators", is_staff=True)


def _states(service: Service) -> dict[str, str]:
    read_now(service=service)
    return {row.name: row.state for row in list_keys(service=service)}


def test_the_list_joins_the_clouds_keys_with_the_stored_ones(
    cloud: Any, cloud_service: Service, user: Any
) -> None:
    create_key(service=cloud_service, name="standby", user=user, address=None)
    create_key(service=cloud_service, name="retired", user=user, address=None)
    cloud.new_key(name="somebody else's")
    gone = create_key(service=cloud_service, name="gone", user=user, address=None)
    cloud.revoke_key(key=gone.secret)
    retired = ApiKey.objects.get(name="retired")
    revoke_key(service=cloud_service, prefix=retired.prefix, user=user, address=None)
    assert _states(cloud_service) == {
        "portal": "in use",
        "standby": "standby",
        "somebody else's": "only at the Cloud",
        "gone": "not at the Cloud",
        "retired": "revoked",
    }
    retired.refresh_from_db()
    assert retired.secret == ""


def test_a_key_whose_answer_was_lost_is_not_left_behind(
    cloud: Any, cloud_service: Service, user: Any
) -> None:
    cloud.fault(match="keys", kind="delay", seconds=0)
    cloud.fault(match="keys", kind="cut_after")
    with pytest.raises(NotDone):
        create_key(service=cloud_service, name="standby", user=user, address=None)
    assert _states(cloud_service) == {"portal": "in use"}
    assert Entry.objects.get(action="api_key.created").outcome == "refused"


def test_a_taken_name_is_refused(cloud_service: Service, user: Any) -> None:
    with pytest.raises(NotDone, match="name"):
        create_key(service=cloud_service, name="portal", user=user, address=None)
    with pytest.raises(NotDone, match="1 to 50"):
        create_key(service=cloud_service, name=" ", user=user, address=None)


def test_the_key_in_use_is_not_revoked_and_no_call_is_made(
    cloud: Any, cloud_service: Service, user: Any
) -> None:
    prefix = ApiKey.objects.get().prefix
    with pytest.raises(NotDone, match="in use"):
        revoke_key(service=cloud_service, prefix=prefix, user=user, address=None)
    assert not cloud.calls(path="api-keys")


def test_a_key_only_the_cloud_has_can_be_revoked(cloud: Any, cloud_service: Service, user: Any) -> None:
    stranger = cloud.new_key(name="stranger").partition(".")[0]
    _states(cloud_service)
    revoke_key(service=cloud_service, prefix=stranger, user=user, address=None)
    assert [row.name for row in list_keys(service=cloud_service)] == ["portal"]
    assert [each["name"] for each in RemoteState.objects.get().keys] == ["portal"]
    revoke_key(service=cloud_service, prefix=stranger, user=user, address=None)


def test_a_cloud_that_is_away_revokes_nothing_here(cloud: Any, cloud_service: Service, user: Any) -> None:
    key = create_key(service=cloud_service, name="standby", user=user, address=None)
    cloud.fault(match="keys", kind="status", status=503, times=99)
    with pytest.raises(NotDone, match="not known"):
        revoke_key(service=cloud_service, prefix=key.prefix, user=user, address=None)
    key.refresh_from_db()
    assert key.revoked_at is None
    assert key.secret


def test_a_typed_key_is_tested_before_it_is_stored(cloud: Any, cloud_service: Service, user: Any) -> None:
    for wrong in ("", "onlyprefix", "aaaaaaaa." + "b" * 32):
        with pytest.raises(NotDone):
            add_typed_key(service=cloud_service, key=wrong, is_to_be_used=True, user=user, address=None)
    assert ApiKey.objects.count() == 1


def test_a_typed_key_is_a_standby_key_unless_it_is_to_be_used(
    cloud: Any, cloud_service: Service, user: Any
) -> None:
    first = ApiKey.objects.get()
    standby = add_typed_key(
        service=cloud_service, key=cloud.new_key(), is_to_be_used=False, user=user, address=None
    )
    assert ApiKey.objects.get(is_in_use=True) == first
    add_typed_key(service=cloud_service, key=standby.secret, is_to_be_used=True, user=user, address=None)
    assert ApiKey.objects.get(is_in_use=True) == standby


def test_the_first_key_of_a_service_is_used_at_once(cloud: Any, cloud_service: Service, user: Any) -> None:
    ApiKey.objects.all().delete()
    add_typed_key(service=cloud_service, key=cloud.new_key(), is_to_be_used=False, user=user, address=None)
    assert ApiKey.objects.get().is_in_use


def test_the_old_key_is_shown_as_being_replaced_until_it_is_revoked(
    cloud: Any, cloud_service: Service
) -> None:
    rotation = start_rotation(service=cloud_service, cause="person")
    run(ROTATE, pk=rotation.pk)
    rotation.refresh_from_db()
    states = {row.prefix: row.state for row in list_keys(service=cloud_service)}
    assert states == {rotation.new_prefix: "in use", rotation.old_prefix: "being replaced"}


def test_a_created_key_without_a_dot_is_revoked_and_refused_with_the_reason(
    cloud: Any, cloud_service: Service, user: Any, around: Around
) -> None:
    around.call("create_api_key", lambda real, **about: replace(real(**about), key=Secret("b" * 40)))
    with pytest.raises(NotDone, match=r"a dot and a long secret"):
        create_key(service=cloud_service, name="standby", user=user, address=None)
    assert _states(cloud_service) == {"portal": "in use"}
    assert ApiKey.objects.count() == 1
    assert Entry.objects.get(action="api_key.created").outcome == "refused"


def test_a_rotation_whose_new_key_has_no_dot_ends_with_the_reason_and_keeps_the_old_key(
    cloud: Any, cloud_service: Service, user: Any, around: Around
) -> None:
    around.call("create_api_key", lambda real, **about: replace(real(**about), key=Secret("b" * 40)))
    rotation = start_rotation(service=cloud_service, cause="person", user=user, address=None)
    run(ROTATE, pk=rotation.pk)
    rotation.refresh_from_db()
    assert rotation.step == rotation.Step.FAILED
    assert "a dot and a long secret" in rotation.problem
    assert _states(cloud_service) == {"portal": "in use"}
