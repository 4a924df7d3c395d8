"""Calls about keys whose answer is lost or that overlap: an unknown outcome is not claimed."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from audit.models import Entry
from background.models import OutgoingMail
from background.runner import run
from exams.services.intake.polling import POLL
from integrations import keyring
from integrations.clarius import errors
from integrations.clarius.client import ClariusClient
from integrations.keyring import NoKey, client_for
from integrations.models import ApiKey, RemoteState, Service
from integrations.services.changing import NotDone, OutcomeUnknown
from integrations.services.keys.changes import (
    add_typed_key,
    create_key,
    revoke_key,
    use_key,
)
from integrations.services.keys.listing import list_keys
from integrations.services.settings.remote_state import read_now
from tests.people import make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(db: None) -> Any:
    return make_person("administrator", "Administrators", is_staff=True)


@pytest.fixture
def spare(cloud_service: Service, user: Any) -> ApiKey:
    return create_key(service=cloud_service, name="spare", user=user, address=None)


def _revoke(service: Service, key: ApiKey, user: Any) -> None:
    revoke_key(service=service, prefix=key.prefix, user=user, address=None)


def _listed(service: Service) -> set[str]:
    with client_for(service=service) as client:
        return {key.prefix for key in client.list_api_keys()}


def _outcomes(action: str) -> list[str]:
    return list(Entry.objects.filter(action=action).order_by("at", "pk").values_list("outcome", flat=True))


def _states(service: Service) -> dict[str, str]:
    return {row.name: row.label for row in list_keys(service=service)}


def test_the_outcome_of_a_revocation_without_an_answer_is_read(
    cloud: Any, cloud_service: Service, spare: ApiKey, user: Any
) -> None:
    # The client retries a DELETE; each of these answers is lost.
    cloud.fault(match="keys", kind="cut_after", times=3)
    _revoke(cloud_service, spare, user)
    spare.refresh_from_db()
    assert (spare.revoked_at is not None, spare.secret) == (True, "")
    assert _outcomes("api_key.revoked") == ["ok"]


def test_a_revocation_is_unknown_if_its_outcome_cannot_be_read(
    cloud: Any, cloud_service: Service, spare: ApiKey, user: Any
) -> None:
    cloud.fault(match="keys", kind="cut_after")
    cloud.fault(match="keys", kind="status", status=500, times=99)
    with pytest.raises(OutcomeUnknown, match="not known"):
        _revoke(cloud_service, spare, user)
    cloud.clear_faults()
    assert _outcomes("api_key.revoked") == ["unknown"]
    assert RemoteState.objects.get().not_before <= timezone.now()
    assert spare.prefix not in _listed(cloud_service)
    read_now(service=cloud_service)
    assert _states(cloud_service)["spare"] == "not at the Cloud"


def test_a_revocation_that_did_not_happen_leaves_a_standby_key(
    cloud: Any, cloud_service: Service, spare: ApiKey, user: Any
) -> None:
    cloud.fault(match="keys", kind="status", status=500)
    with pytest.raises(NotDone, match="was not revoked"):
        _revoke(cloud_service, spare, user)
    spare.refresh_from_db()
    assert (spare.revoked_at, bool(spare.secret)) == (None, True)
    assert _outcomes("api_key.revoked") == ["refused"]


def test_a_key_whose_answer_was_lost_in_a_cloud_that_is_away_may_exist(
    cloud: Any, cloud_service: Service, user: Any
) -> None:
    cloud.fault(match="keys", kind="delay", seconds=0)
    cloud.fault(match="keys", kind="cut_after")
    cloud.fault(match="keys", kind="status", status=503, times=99)
    with pytest.raises(OutcomeUnknown, match="not known"):
        create_key(service=cloud_service, name="spare", user=user, address=None)
    cloud.clear_faults()
    assert _outcomes("api_key.created") == ["unknown"]
    read_now(service=cloud_service)
    assert _states(cloud_service)["spare"] == "only at the Cloud"


def test_the_failing_one_of_two_requests_with_one_name_harms_no_key(
    cloud_service: Service, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ClariusClient.create_api_key
    errors: list[str] = []

    def second_click(client: ClariusClient, **wishes: Any) -> Any:
        if not errors:
            with pytest.raises(NotDone) as refused:
                create_key(service=cloud_service, name="spare", user=user, address=None)
            errors.append(str(refused.value))
        return create(client, **wishes)

    monkeypatch.setattr(ClariusClient, "create_api_key", second_click)
    made = create_key(service=cloud_service, name="spare", user=user, address=None)
    assert "at this moment" in errors[0]
    assert made.prefix in _listed(cloud_service)
    assert _outcomes("api_key.created") == ["refused", "ok"]


@pytest.mark.parametrize("how", ["button", "circuit"])
def test_a_key_that_is_being_revoked_is_not_put_into_use(
    cloud: Any,
    cloud_service: Service,
    spare: ApiKey,
    user: Any,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    revoke = ClariusClient.revoke_api_key
    old = ApiKey.objects.get(is_in_use=True)

    def use() -> None:
        with pytest.raises(NotDone):
            use_key(service=cloud_service, prefix=spare.prefix, user=user, address=None)

    def refuse() -> None:
        cloud.revoke_key(key=old.secret)
        keyring.judge_refusal(service=cloud_service)

    meanwhile: Callable[[], None] = {"button": use, "circuit": refuse}[how]

    def hooked(client: ClariusClient, **wishes: Any) -> None:
        meanwhile()
        if how == "circuit":
            raise errors.KeyRefused("Clarius Cloud did not accept the API key for this call.")
        revoke(client, **wishes)

    monkeypatch.setattr(ClariusClient, "revoke_api_key", hooked)
    if how == "circuit":
        with pytest.raises(NotDone):
            _revoke(cloud_service, spare, user)
    else:
        _revoke(cloud_service, spare, user)
    assert ApiKey.objects.get(is_in_use=True).pk == old.pk
    assert not ApiKey.objects.filter(is_in_use=True, revoked_at__isnull=False).exists()
    # A key that could not be revoked is a standby key again.
    assert ApiKey.objects.filter(pk=spare.pk, revoked_at=None).exists() == (how == "circuit")


def test_an_interrupted_revocation_can_be_repeated(
    cloud_service: Service, spare: ApiKey, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(client: ClariusClient, **wishes: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ClariusClient, "revoke_api_key", die)
        with pytest.raises(Killed):
            _revoke(cloud_service, spare, user)
    (row,) = [each for each in list_keys(service=cloud_service) if each.prefix == spare.prefix]
    assert (row.state, row.can_be_revoked, row.can_be_used) == ("only at the Cloud", True, False)
    _revoke(cloud_service, spare, user)
    assert spare.prefix not in _listed(cloud_service)
    assert _states(cloud_service)["spare"] == "revoked"


def test_a_new_key_is_listed_at_once_in_its_state(cloud: Any, cloud_service: Service, user: Any) -> None:
    read_now(service=cloud_service)
    create_key(service=cloud_service, name="made", user=user, address=None)
    typed = cloud.new_key(name="typed")
    add_typed_key(service=cloud_service, key=typed, is_to_be_used=False, user=user, address=None)
    assert _states(cloud_service) == {"portal": "in use", "made": "standby", "typed": "standby"}
    cloud.fault(match="settings", kind="status", status=503, times=99)
    create_key(service=cloud_service, name="unread", user=user, address=None)
    assert _states(cloud_service)["unread"] == "standby"


def test_every_stored_key_is_shown_as_refused_when_all_are(
    cloud: Any, cloud_service: Service, spare: ApiKey
) -> None:
    for key in ApiKey.objects.all():
        cloud.revoke_key(key=key.secret)
    keyring.judge_refusal(service=cloud_service)
    assert _states(cloud_service) == {"portal": "in use, refused", "spare": "standby, refused"}


def _seal_with_another_key(settings: Any, key: ApiKey) -> None:
    good = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    key.secret = "x.y"
    key.save()
    settings.FIELD_ENCRYPTION_KEYS = good


@pytest.mark.parametrize("trouble", ["missing", "encrypted"])
def test_a_standby_key_is_used_when_the_key_in_use_cannot_be_decrypted(
    cloud: Any, cloud_service: Service, spare: ApiKey, settings: Any, trouble: str
) -> None:
    if trouble == "missing":
        ApiKey.objects.filter(is_in_use=True).delete()
    else:
        _seal_with_another_key(settings, ApiKey.objects.get(is_in_use=True))
    Service.objects.update(not_before=timezone.now())
    run(POLL, pk=cloud_service.pk)
    service = Service.objects.get()
    assert (service.polled_at is not None, service.last_error) == (True, "")
    assert ApiKey.objects.get(is_in_use=True) == spare
    assert _outcomes("api_key.switched") == ["ok"]
    assert OutgoingMail.objects.filter(subject__contains="another API key").count() == 1


def test_without_a_readable_key_the_reason_is_given(cloud_service: Service, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(NoKey, match="can be decrypted"):
        client_for(service=cloud_service)
    ApiKey.objects.all().delete()
    with pytest.raises(NoKey, match="No API key is in use"):
        client_for(service=cloud_service)
