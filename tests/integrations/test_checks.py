"""`check --database default` names services that cannot work."""

from typing import Any

import pytest

from integrations.models import ApiKey, Service
from portal.health.system import check_setup

pytestmark = pytest.mark.django_db


def _found() -> list[str]:
    return [str(message.id) for message in check_setup(databases=["default"])]


def test_a_registered_service_with_a_key_is_fine(service: Service) -> None:
    Service.objects.update(is_registered=True)
    assert _found() == []


def test_a_service_without_a_key_or_a_registration_is_reported(service: Service) -> None:
    assert _found() == ["not-registered"]
    ApiKey.objects.update(is_in_use=False)
    assert _found() == ["api-key-missing", "not-registered"]
    Service.objects.update(is_active=False)
    assert _found() == []


def test_secrets_that_cannot_be_decrypted_are_an_error(service: Service, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="]
    assert _found() == ["secrets", "not-registered"]
