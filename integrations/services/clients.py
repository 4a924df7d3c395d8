"""The API client of a service, with the key in use read anew for each job."""

from django.conf import settings
from django.utils import timezone

from integrations.clarius import ClariusClient, MediaClient
from integrations.models import ApiKey, Service


class NoKey(Exception):
    """The service holds no API key that may be used."""


def client_for(*, service: Service) -> ClariusClient:
    """Return a client with the key in use; raises NoKey when there is none."""
    key = ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).first()
    if key is None:
        raise NoKey(f"The service {service.slug} has no API key in use.")
    ApiKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now())
    return client_with(service=service, secret=key.secret)


def client_with(*, service: Service, secret: str) -> ClariusClient:
    """Return a client with a key that may not be stored yet."""
    return ClariusClient(
        base_url=service.base_url,
        api_key=secret,
        allowed_networks=settings.EGRESS_ALLOWED_NETWORKS,
    )


def media_client(*, max_bytes: int, total_seconds: float) -> MediaClient:
    """Return the client without a key that fetches media links."""
    return MediaClient(
        allowed_networks=settings.EGRESS_ALLOWED_NETWORKS, max_bytes=max_bytes, total_seconds=total_seconds
    )
