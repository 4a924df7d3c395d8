"""Run a key rotation as a worker does, and check the keys afterwards."""

from datetime import timedelta

from django.utils import timezone

from background.runner import run
from integrations.keyring import client_with
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.keys.rotation import ROTATE


def run_rotation(rotation: KeyRotation) -> KeyRotation:
    """Run the row's job as if its waits were over."""
    long_ago = timezone.now() - timedelta(minutes=30)
    KeyRotation.objects.filter(pk=rotation.pk).update(lease_until=None)
    KeyRotation.objects.filter(pk=rotation.pk, switched_at__isnull=False).update(switched_at=long_ago)
    KeyRotation.objects.filter(pk=rotation.pk).exclude(step__in=KeyRotation.ENDED).update(not_before=long_ago)
    run(ROTATE, pk=rotation.pk)
    return KeyRotation.objects.get(pk=rotation.pk)


def finish_rotation(rotation: KeyRotation, *, turns: int = 6) -> KeyRotation:
    for _ in range(turns):
        rotation = run_rotation(rotation)
        if rotation.step in KeyRotation.ENDED:
            break
    return rotation


def key_works(service: Service) -> bool:
    secret = ApiKey.objects.get(service=service, is_in_use=True).secret
    with client_with(base_url=service.base_url, secret=secret) as client:
        client.get_settings()
    return True


def listed_keys(service: Service) -> set[str]:
    with client_with(
        base_url=service.base_url, secret=ApiKey.objects.get(service=service, is_in_use=True).secret
    ) as client:
        return {key.prefix for key in client.list_api_keys()}
