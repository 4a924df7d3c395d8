"""Another key comes into use for one of five causes; the audit log names the cause and the former key."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from audit.models import Entry
from background.models import OutgoingMail
from background.runner import run
from integrations import keyring
from integrations.keyring import Cause, KeyInUse, KeyState, client_for, withdrawn
from integrations.models import ApiKey, Service
from integrations.services.keys.changes import add_typed_key, create_key, use_key
from integrations.services.keys.rotation import ROTATE, start_rotation
from tests.people import make_person

pytestmark = pytest.mark.django_db
Switch = Callable[[Any, Service, Any, Any], None]


def _choose(cloud: Any, service: Service, user: Any, settings: Any) -> None:
    spare = create_key(service=service, name="spare", user=user, address=None)
    use_key(service=service, prefix=spare.prefix, user=user, address=None)


def _type(cloud: Any, service: Service, user: Any, settings: Any) -> None:
    add_typed_key(service=service, key=cloud.new_key(), is_to_be_used=True, user=user, address=None)


def _rotate(cloud: Any, service: Service, user: Any, settings: Any) -> None:
    run(ROTATE, pk=start_rotation(service=service, cause="person").pk)


def _refuse(cloud: Any, service: Service, user: Any, settings: Any) -> None:
    create_key(service=service, name="spare", user=user, address=None)
    cloud.revoke_key(key=ApiKey.objects.get(is_in_use=True).secret)
    assert keyring.judge_refusal(service=service) == KeyState.SWITCHED


def _lose(cloud: Any, service: Service, user: Any, settings: Any) -> None:
    create_key(service=service, name="spare", user=user, address=None)
    known = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    key = ApiKey.objects.defer("secret").get(is_in_use=True)
    key.secret = "x.y"
    key.save()
    settings.FIELD_ENCRYPTION_KEYS = known
    client_for(service=service)


CAUSES: dict[Cause, Switch] = {
    Cause.PERSON: _choose,
    Cause.STORED: _type,
    Cause.ROTATION: _rotate,
    Cause.REFUSED: _refuse,
    Cause.UNREADABLE: _lose,
}


@pytest.mark.parametrize("cause", Cause)
def test_the_audit_log_names_the_key_the_former_one_and_the_cause(
    cloud: Any, cloud_service: Service, settings: Any, cause: Cause
) -> None:
    user = make_person("administrator", "Administrators", is_staff=True)
    former = ApiKey.objects.get().prefix
    CAUSES[cause](cloud, cloud_service, user, settings)
    key = ApiKey.objects.defer("secret").get(is_in_use=True)
    assert key.prefix != former
    assert key.in_use_since is not None
    entry = Entry.objects.get(action="api_key.switched")
    assert entry.identifiers == {"prefix": key.prefix, "former": former, "cause": cause.value}
    is_asked_for = cause in (Cause.PERSON, Cause.STORED)
    assert bool(entry.actor_label) == is_asked_for
    # Administrators get a mail of a switch that neither a person nor a rotation made.
    mails = OutgoingMail.objects.filter(subject__contains="now uses another API key")
    assert mails.count() == (cause in (Cause.REFUSED, Cause.UNREADABLE))


@pytest.mark.parametrize("status", [503, 404, 429])
def test_a_key_of_which_the_cloud_says_nothing_is_not_replaced(
    scripted: Any, service: Service, status: int
) -> None:
    in_use = ApiKey.objects.get()
    keyring.store_key(service=service, key=scripted.new_key())
    # The key in use gets no clear answer, and the standby key would work.
    answers = iter([(status, {}), *[(status, {})] * 2 * (status != 404), None])
    scripted.script("GET", "services/settings/", lambda: next(answers, None))
    assert keyring.judge_refusal(service=service) == KeyState.UNKNOWN
    in_use.refresh_from_db()
    assert in_use.is_in_use
    assert not Entry.objects.filter(action__in=("api_key.switched", "service.circuit_opened")).exists()
    assert not OutgoingMail.objects.exists()


def test_a_standby_key_that_replaces_an_unreadable_one_is_not_said_to_replace_a_refused_one(
    scripted: Any, service: Service
) -> None:
    spare = keyring.store_key(service=service, key=scripted.new_key())
    ApiKey.objects.exclude(pk=spare.pk).update(is_in_use=False)
    Service.objects.update(circuit_opened_at=timezone.now())
    assert keyring.judge_refusal(service=service) == KeyState.SWITCHED
    assert Entry.objects.get(action="api_key.switched").identifiers["cause"] == Cause.UNREADABLE
    assert Service.objects.get().circuit_opened_at is None


def test_a_key_in_use_is_not_withdrawn_and_the_body_does_not_run(cloud_service: Service) -> None:
    key = ApiKey.objects.get()
    with pytest.raises(KeyInUse), withdrawn(service=cloud_service, prefix=key.prefix):
        pytest.fail("A key in use was about to be revoked.")
    key.refresh_from_db()
    assert (key.revoked_at, bool(key.secret)) == (None, True)


@pytest.mark.parametrize("is_revoked", [True, False])
def test_a_withdrawn_key_is_deleted_only_when_the_body_succeeds(
    cloud: Any, cloud_service: Service, is_revoked: bool
) -> None:
    secret = cloud.new_key()
    prefix = keyring.store_key(service=cloud_service, key=secret).prefix
    try:
        with withdrawn(service=cloud_service, prefix=prefix):
            assert not keyring.usable_keys(service=cloud_service).filter(prefix=prefix).exists()
            if not is_revoked:
                raise OSError
    except OSError:
        pass
    key = ApiKey.objects.get(prefix=prefix)
    assert (key.revoked_at is not None, key.secret) == (is_revoked, "" if is_revoked else secret)
