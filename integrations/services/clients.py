"""The API client of a service, with the key in use read anew for each job."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from integrations.clarius import ClariusClient, MediaClient
from integrations.models import ApiKey, Service
from integrations.services.reserves import key_with_secret

# Noting every call would write more rows than the calls themselves.
NOTE_USE_EVERY = timedelta(minutes=1)


class NoKey(Exception):
    """The service holds no API key that may be used."""


def client_for(*, service: Service) -> ClariusClient:
    """Return a client with the key in use, else with a reserve; raises NoKey, or BlockedByPolicy."""
    found = key_with_secret(service=service)
    if found is None:
        raise NoKey(_nothing_usable(service))
    key, secret = found
    now = timezone.now()
    unnoted = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTE_USE_EVERY)
    ApiKey.objects.filter(unnoted, pk=key.pk).update(last_used_at=now)
    return client_with(base_url=service.base_url, secret=secret)


def client_with(*, base_url: str, secret: str) -> ClariusClient:
    """Return a client with a key that may not be stored yet; raises BlockedByPolicy for the address."""
    return ClariusClient(base_url=base_url, api_key=secret, allowed_networks=settings.EGRESS_ALLOWED_NETWORKS)


def media_client(*, max_bytes: int) -> MediaClient:
    """Return the client without a key that fetches media links."""
    return MediaClient(allowed_networks=settings.EGRESS_ALLOWED_NETWORKS, max_bytes=max_bytes)


def _nothing_usable(service: Service) -> str:
    if ApiKey.objects.filter(service=service, revoked_at=None).exists():
        return f"No API key of {service.slug} can be opened with FIELD_ENCRYPTION_KEYS."
    return f"The service {service.slug} has no API key in use."
