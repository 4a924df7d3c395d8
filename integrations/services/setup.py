"""Connect a service: prove key and host, store, tell the Cloud our addresses, begin to poll."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from audit.record import record
from background.jobs import schedule
from integrations.clarius import clean_url, errors
from integrations.models import Service
from integrations.services.addresses import connect_url, is_public_https, is_sandbox_address, webhook_url
from integrations.services.credentials import KeyNotProven, prove_key, store_key
from integrations.services.mirrors import make_mirrors
from integrations.services.remote_settings import Registration, register_service
from integrations.services.remote_state import watch

_SLUG = re.compile(r"[a-z0-9][-a-z0-9_]{0,49}")


class Mode(StrEnum):
    """What the Cloud is told: our addresses, nothing since we only poll, or nothing for now."""

    REGISTER = "register"
    POLL_ONLY = "poll_only"
    STORE = "store"


class CannotConnect(Exception):
    """Nothing was stored; the message is one sentence for the reader."""


@dataclass(frozen=True)
class ServiceSetup:
    """The connected service and what has to be known of it."""

    service: Service
    webhook_url: str
    connect_url: str
    registration: Registration


def connect(
    *,
    slug: str,
    name: str = "",
    base_url: str,
    key: str,
    mode: Mode = Mode.STORE,
    take: str | None = None,
    since: datetime | None = None,
) -> ServiceSetup:
    """Connect or reconnect a service; raises CannotConnect, and then nothing was stored.

    A refused registration is no error: the service is kept as not registered and the setup says what to mend.
    """
    origin = _check_wishes(slug=slug, base_url=base_url, mode=mode, take=take, since=since)
    existing = Service.objects.filter(slug=slug).first()
    _check_same_cloud(existing=existing, base_url=origin)
    try:
        prove_key(base_url=origin, key=key)
    except KeyNotProven as error:
        raise CannotConnect(str(error)) from None
    service = _store(
        existing=existing, slug=slug, name=name, base_url=origin, key=key, mode=mode, take=take, since=since
    )
    registration = Registration(service.is_registered)
    if mode == Mode.REGISTER:
        registration = register_service(service=service)
    return ServiceSetup(
        service=service,
        webhook_url=webhook_url(service=service),
        connect_url=connect_url(service=service),
        registration=registration,
    )


def _check_wishes(*, slug: str, base_url: str, mode: Mode, take: str | None, since: datetime | None) -> str:
    if not _SLUG.fullmatch(slug):
        raise CannotConnect("The slug may hold small letters, digits and hyphens, at most 50.")
    if take is not None and take not in Service.Take.values:
        raise CannotConnect("Take all, new, or since a date.")
    if (take == Service.Take.SINCE) != (since is not None):
        raise CannotConnect("Say since which date exams are taken, such as 2026-01-31.")
    try:
        # Scheme, host and port: the paths of the API are fixed.
        origin = str(clean_url(base_url).origin)
    except errors.ClariusError as error:
        raise CannotConnect(f"The base URL cannot be used: {error.message}") from None
    if mode == Mode.REGISTER and not is_public_https() and not is_sandbox_address(url=origin):
        raise CannotConnect(
            "PUBLIC_URL must begin with https:// before Clarius Cloud is told; without it use --poll-only."
        )
    return origin


def _check_same_cloud(*, existing: Service | None, base_url: str) -> None:
    if existing is None or existing.base_url == base_url:
        return
    # A sandbox may come back at another port; anywhere else customers of two Clouds would be mixed.
    if not (existing.is_sandbox and is_sandbox_address(url=base_url)):
        raise CannotConnect("A service of this slug is connected to another base URL; choose another slug.")


def _store(
    *,
    existing: Service | None,
    slug: str,
    name: str,
    base_url: str,
    key: str,
    mode: Mode,
    take: str | None,
    since: datetime | None,
) -> Service:
    with transaction.atomic():
        service = existing or Service(slug=slug)
        changes = {
            "name": name or service.name or slug,
            "base_url": base_url,
            "is_sandbox": is_sandbox_address(url=base_url),
            "is_active": True,
            "circuit_opened_at": None,
            "circuit_probe_at": None,
            "last_error": "",
            "last_error_at": None,
            "full_poll_due_at": timezone.now(),
        }
        if take is not None:
            changes |= {"take": take, "take_since": since}
        if mode != Mode.STORE:
            changes["is_poll_only"] = mode == Mode.POLL_ONLY
        for field, value in changes.items():
            setattr(service, field, value)
        # A poll may hold the row at this moment: its lease is not ours to write.
        service.save(update_fields=list(changes) if existing else None)
        store_key(service=service, key=key)
        watch(service=service)
        make_mirrors(service=service)
        schedule(model=Service, pk=service.pk)
        record(action="service.connected", target=service, mode=mode.value)
    return service
