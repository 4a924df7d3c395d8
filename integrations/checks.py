"""What `check --database default` and `migrate` say of services that cannot work as they are."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from integrations.encryption import CannotDecrypt
from integrations.models import ApiKey, Service


@register(Tags.database)
def check_services(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Look at the services in use; says nothing before their tables exist."""
    if not databases or "default" not in databases:
        return []
    try:
        services = list(Service.objects.in_use())
        return [message for service in services for message in _look_at(service)]
    except DatabaseError:
        return []


def _look_at(service: Service) -> Iterable[CheckMessage]:
    key = ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).first()
    if not all(_can_open(row, name) for row, name in ((service, "webhook_secret"), (key, "secret"))):
        yield Error(
            f"Secrets of the service {service.slug} cannot be opened.",
            hint="Put the key that sealed them back into FIELD_ENCRYPTION_KEYS.",
            id="integrations.E001",
        )
        return
    if key is None:
        yield Warning(
            f"The service {service.slug} has no API key in use.",
            hint=f"Run: manage.py connect_service {service.slug}",
            id="integrations.W001",
        )
    if not (service.is_registered or service.is_poll_only):
        yield Warning(
            f"Clarius Cloud does not know the addresses of the service {service.slug}.",
            hint=f"Run: manage.py connect_service {service.slug} --register (or --poll-only)",
            id="integrations.W002",
        )


def _can_open(row: Service | ApiKey | None, name: str) -> bool:
    try:
        getattr(row, name, None)
    except CannotDecrypt:
        return False
    return True
