"""Two who replace or type in a key at once: the key in use is never the one that is revoked."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.rotation import start_rotation
from integrations.tasks import rotate_key
from tests.integrations.scripted import ScriptedCloud

Step = KeyRotation.Step
KEYS = "services/api-keys/"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_listed", [True, False])
def test_a_worker_that_slept_until_another_one_switched_neither_revokes_nor_makes_a_key(
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
        # This runs in a thread of the double, whose connection nobody else closes.
        connection.close()
        listed = {"prefix": prefix, "name": rotation.name, "created": timezone.now().isoformat()}
        return 200, [listed] if is_listed else []

    scripted.script("GET", KEYS, switched_meanwhile)
    rotate_key(rotation.pk)
    assert scripted.calls == [("GET", KEYS)]
    assert ApiKey.objects.get(is_in_use=True).prefix == prefix
    assert KeyRotation.objects.get().step == Step.SWITCHED
