"""Connect a service: test its key and address, store it, register our addresses, and start polling."""

import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from background.due import schedule
from background.runner import wake
from foundation.crypto import CannotDecrypt
from integrations.clarius import clean_url, errors
from integrations.keyring import Cause, key_in_use, store_key, use_key
from integrations.models import Service
from integrations.services.keys.proof import KeyNotProven, prove_key
from integrations.services.settings.addresses import (
    connect_url,
    is_public_https,
    is_sandbox_address,
    webhook_url,
)
from integrations.services.settings.push import Registration, register_service
from integrations.services.settings.remote_state import watch
from integrations.services.sync import make_syncs

_SLUG = re.compile(r"[a-z0-9][-a-z0-9_]{0,49}")


class Mode(StrEnum):
    """Whether our addresses are sent to the Cloud: now, never since the service is polled, or later."""

    REGISTER = "register"
    POLL_ONLY = "poll_only"
    STORE = "store"


class CannotConnect(Exception):
    """Nothing was stored; the message is one sentence for the reader, `about` the field at fault."""

    def __init__(self, message: str, *, about: str = "") -> None:
        super().__init__(message)
        self.about = about


@dataclass(frozen=True)
class Wishes:
    """A request to connect a service; with `is_new` no existing service is changed."""

    slug: str
    base_url: str
    key: str = field(repr=False)
    name: str = ""
    mode: Mode = Mode.STORE
    take: str | None = None
    since: datetime | None = None
    is_new: bool = False


@dataclass(frozen=True)
class ServiceSetup:
    """The connected service with its addresses and the outcome of the registration."""

    service: Service
    webhook_url: str
    connect_url: str
    registration: Registration


def connect(*, wishes: Wishes, user: User | None = None, address: str | None = None) -> ServiceSetup:
    """Connect or reconnect a service; raises CannotConnect, and then nothing was stored.

    A refused registration is not an error: the service is stored unregistered, and the setup has the problem.
    """
    try:
        service = _prove_and_store(wishes, user=user, address=address)
    except CannotConnect as error:
        add_entry(
            action="service.connected",
            outcome="refused",
            actor=user,
            address=address,
            mode=wishes.mode.value,
            about=error.about or "other",
        )
        raise
    registration = Registration(service.is_registered)
    if wishes.mode == Mode.REGISTER:
        registration = register_service(service=service)
    return ServiceSetup(
        service=service,
        webhook_url=webhook_url(service=service),
        connect_url=connect_url(service=service),
        registration=registration,
    )


def _prove_and_store(wishes: Wishes, *, user: User | None, address: str | None) -> Service:
    origin = _check_wishes(wishes)
    existing = Service.objects.filter(slug=wishes.slug).first()
    if existing is not None and wishes.is_new:
        return _same_service(existing, wishes, base_url=origin)
    _check_same_cloud(existing=existing, base_url=origin)
    _check_key_is_free(wishes, base_url=origin)
    try:
        prove_key(base_url=origin, key=wishes.key)
    except KeyNotProven as error:
        if error.is_key_at_fault:
            raise CannotConnect(str(error), about="key") from None
        advice = "Check the base URL, or try again in a minute." if error.may_pass else "Check the base URL."
        raise CannotConnect(f"{error} {advice}", about="base_url") from None
    try:
        return _store(existing, wishes, base_url=origin, user=user, address=address)
    except IntegrityError:
        # It was connected during the call, usually by a form that was sent twice.
        existing = Service.objects.get(slug=wishes.slug)
        return _same_service(existing, wishes, base_url=origin)


def _same_service(existing: Service, wishes: Wishes, *, base_url: str) -> Service:
    """Return an existing service that has the same key and address; raises CannotConnect for another."""
    key = key_in_use(service=existing)
    try:
        is_same = key is not None and hmac.compare_digest(key.secret.encode(), wishes.key.encode())
    except CannotDecrypt:
        is_same = False
    if is_same and existing.base_url == base_url:
        return existing
    raise CannotConnect(
        f"{existing.name} has this slug already. Choose another slug, or add the key on that service's page "
        "of keys.",
        about="slug",
    )


def _check_wishes(wishes: Wishes) -> str:
    if not _SLUG.fullmatch(wishes.slug):
        raise CannotConnect("A slug has at most 50 lower-case letters, digits and hyphens.", about="slug")
    if wishes.take is not None and wishes.take not in Service.Take.values:
        raise CannotConnect("Choose all, new, or since a date.", about="take")
    if (wishes.take == Service.Take.SINCE) != (wishes.since is not None):
        raise CannotConnect("Enter the date of the first exams to fetch, such as 2026-01-31.", about="take")
    try:
        # Scheme, host and port: the paths of the API are fixed.
        origin = str(clean_url(wishes.base_url).origin)
    except errors.ClariusError as error:
        raise CannotConnect(f"The base URL cannot be used: {error.message}", about="base_url") from None
    if wishes.mode == Mode.REGISTER and not is_public_https() and not is_sandbox_address(url=origin):
        raise CannotConnect(
            "PUBLIC_URL must begin with https:// to register at Clarius Cloud. Otherwise use --poll-only."
        )
    return origin


def _check_same_cloud(*, existing: Service | None, base_url: str) -> None:
    if existing is None or existing.base_url == base_url:
        return
    # A sandbox may restart on another port; elsewhere the customers of two Clouds would be mixed.
    if not (existing.is_sandbox and is_sandbox_address(url=base_url)):
        raise CannotConnect(
            "A service with this slug is connected to another base URL. Choose another slug.", about="slug"
        )


def _check_key_is_free(wishes: Wishes, *, base_url: str) -> None:
    """Refuse the key of a service with another slug: both would set the same notification URL."""
    holders = Service.objects.filter(base_url=base_url, api_keys__prefix=wishes.key.partition(".")[0])
    holder = holders.exclude(slug=wishes.slug).first()
    if holder is not None:
        raise CannotConnect(
            f"This API key belongs to {holder.name}, which is connected already.", about="key"
        )


def _store(
    existing: Service | None, wishes: Wishes, *, base_url: str, user: User | None, address: str | None
) -> Service:
    with transaction.atomic():
        service = existing or Service(slug=wishes.slug)
        changes = {
            "name": wishes.name or service.name or wishes.slug,
            "base_url": base_url,
            "is_sandbox": is_sandbox_address(url=base_url),
            "is_active": True,
            "full_poll_due_at": timezone.now(),
        }
        if wishes.take is not None:
            changes |= {"take": wishes.take, "take_since": wishes.since}
        if wishes.mode != Mode.STORE:
            changes["is_poll_only"] = wishes.mode == Mode.POLL_ONLY
        for name, value in changes.items():
            setattr(service, name, value)
        # A poll may lease the row now, so the columns of the lease are not written.
        service.save(update_fields=list(changes) if existing else None)
        key = store_key(service=service, key=wishes.key)
        use_key(service=service, key=key, cause=Cause.STORED, actor=user, address=address)
        watch(service=service)
        make_syncs(service=service)
        schedule(Service.objects.filter(pk=service.pk))
        # It may have been paused before.
        wake(service)
        add_entry(
            action="service.connected", actor=user, target=service, address=address, mode=wishes.mode.value
        )
    return service
