"""The Cloud's settings of a service: push our two addresses and read them back."""

from dataclasses import dataclass

from django.db import transaction

from audit.record import record
from integrations.clarius import RemoteSettings, errors
from integrations.models import Service
from integrations.services.addresses import connect_url, is_public_https, webhook_url
from integrations.services.clients import NoKey, client_for

FIELDS = ("notification_url", "token_transfer_url")


@dataclass(frozen=True)
class Registration:
    """Whether the Cloud knows our addresses, else what to mend; and whether others stood there before."""

    is_registered: bool
    problem: str = ""
    has_replaced: bool = False


def register_service(*, service: Service) -> Registration:
    """Push the addresses that differ, read them back, and note on the service whether they stand."""
    registration = _register(service=service)
    with transaction.atomic():
        Service.objects.filter(pk=service.pk).update(is_registered=registration.is_registered)
        record(
            action="service.registered",
            outcome="ok" if registration.is_registered else "refused",
            target=service,
            has_replaced=str(registration.has_replaced),
        )
    service.is_registered = registration.is_registered
    return registration


def _register(*, service: Service) -> Registration:
    if not is_public_https() and not service.is_sandbox:
        return Registration(
            False, "PUBLIC_URL must begin with https:// before Clarius Cloud can be told; or use --poll-only."
        )
    wanted = {
        "notification_url": webhook_url(service=service),
        "token_transfer_url": connect_url(service=service),
    }
    try:
        with client_for(service=service) as client:
            before = client.get_settings()
            changes = {name: url for name, url in wanted.items() if getattr(before, name) != url}
            if changes:
                client.update_settings(**changes)
            after = client.get_settings()
    except errors.Rejected as error:
        return Registration(False, _refusal(error))
    except (errors.ClariusError, NoKey) as error:
        return Registration(False, f"{error} Run the command again to resume.")
    return _compare(before=before, after=after, wanted=wanted)


def _compare(*, before: RemoteSettings, after: RemoteSettings, wanted: dict[str, str]) -> Registration:
    kept = [name for name in FIELDS if getattr(after, name) != wanted[name]]
    if kept:
        return Registration(False, f"Clarius Cloud kept another value for {' and '.join(kept)}.")
    has_replaced = any(getattr(before, name) not in ("", wanted[name]) for name in FIELDS)
    return Registration(True, has_replaced=has_replaced)


def _refusal(error: errors.Rejected) -> str:
    """Name the refused fields; the Cloud's own words may repeat the secret address and are left out."""
    refused = [name for name in FIELDS if name in error.fields] or list(FIELDS)
    return (
        f"Clarius Cloud refused {' and '.join(refused)}: it must be able to call PUBLIC_URL. "
        "Set PUBLIC_URL to the portal's public https:// address and run the command again."
    )
