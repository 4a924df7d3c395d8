"""Change a service's settings at the Cloud: its addresses, and a new webhook secret."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import transaction

from accounts.models import User
from audit.entries import add_entry
from background.due import schedule
from background.locks import Busy
from integrations.clarius import RemoteSettings, errors
from integrations.cloud import CloudProblem
from integrations.models import RemoteState, Service
from integrations.services.settings.addresses import connect_url, differing, is_public_https, webhook_url
from integrations.services.settings.registration import BUSY, FIELDS, Unanswered, changing, update_cloud
from integrations.services.settings.remote_state import judge, store_settings, watch
from integrations.services.settings.webhook_secrets import (
    doubt_secret,
    propose_secret,
    replace_secret,
    withdraw_secret,
)

V = RemoteState.Status


class NotPushed(Exception):
    """The settings were not changed, or the Cloud kept another value; the message is for the reader."""


class OutcomeUnknown(NotPushed):
    """The Cloud may have made the change or not; nothing was changed here."""


class WouldReplaceForeign(NotPushed):
    """The Cloud has another deployment's address, and nobody confirmed its replacement."""


def push_settings(
    *,
    service: Service,
    is_notified: bool,
    is_connectable: bool,
    user: User,
    address: str | None,
    may_replace_foreign: bool = False,
) -> None:
    """Send the Cloud our addresses, or "" for each that is off, and read them back; raises NotPushed."""
    audit = partial(add_entry, action="service.settings_pushed", actor=user, target=service, address=address)
    with _audited(audit), _locked(service):
        if is_notified or is_connectable:
            _require_https(service)
        wanted = {
            "notification_url": webhook_url(service=service) if is_notified else "",
            "token_transfer_url": connect_url(service=service) if is_connectable else "",
        }
        try:
            remote = _push(service=service, wanted=wanted, may_replace_foreign=may_replace_foreign)
        except OutcomeUnknown:
            doubt_secret(service=service)
            raise
        kept = differing(remote, wanted)
        with transaction.atomic():
            service.is_notified, service.is_connectable = is_notified, is_connectable
            service.is_poll_only = not (is_notified or is_connectable)
            service.is_registered = not kept and not service.is_poll_only
            changed = ["is_notified", "is_connectable", "is_poll_only", "is_registered"]
            service.save(update_fields=changed)
            audit(
                outcome="differs" if kept else "ok",
                notifications="on" if is_notified else "off",
                token_transfer="on" if is_connectable else "off",
            )
        store_settings(service=service, remote=remote)
    if kept:
        raise NotPushed(_describe_kept(kept))


def rotate_webhook_secret(*, service: Service, user: User, address: str | None) -> None:
    """Create a webhook secret and send it to the Cloud; the old one works for an hour. Raises NotPushed."""
    audit = partial(add_entry, action="service.webhook_rotated", actor=user, target=service, address=address)
    with _audited(audit), _locked(service):
        if service.is_notified and service.is_registered:
            _push_new_secret(service)
            audit()
            return
        with transaction.atomic():
            replace_secret(service=service)
            audit()


def _push_new_secret(service: Service) -> None:
    secret = propose_secret(service=service)
    wanted = {FIELDS[0]: webhook_url(service=service, secret=secret)}
    try:
        remote = _push(service=service, wanted=wanted, may_replace_foreign=False)
    except OutcomeUnknown:
        raise
    except NotPushed:
        withdraw_secret(service=service, secret=secret)
        raise
    store_settings(service=service, remote=remote)
    if kept := differing(remote, wanted):
        raise NotPushed(_describe_kept(kept))


def _push(*, service: Service, wanted: dict[str, str], may_replace_foreign: bool) -> RemoteSettings:
    def check(before: RemoteSettings, changes: dict[str, str]) -> None:
        if not may_replace_foreign:
            _refuse_foreign(service=service, before=before, names=changes)

    try:
        _, after = update_cloud(service=service, wanted=wanted, check=check)
    except Unanswered as error:
        raise OutcomeUnknown(str(error)) from None
    except CloudProblem as problem:
        if isinstance(problem.error, errors.Rejected):
            # The text of the Cloud may repeat the secret address.
            refused = [name for name in FIELDS if name in problem.error.fields] or list(wanted)
            raise NotPushed(
                f"Clarius Cloud refused {' and '.join(refused)}. It must be able to call PUBLIC_URL."
            ) from None
        raise NotPushed(f"{problem} Nothing was changed.") from None
    return after


@contextmanager
def _audited(audit: Callable[..., Any]) -> Iterator[None]:
    """Audit a refused or unknown outcome; a success is audited where it happens."""
    try:
        yield
    except OutcomeUnknown:
        audit(outcome="unknown")
        raise
    except NotPushed:
        audit(outcome="refused")
        raise


@contextmanager
def _locked(service: Service) -> Iterator[None]:
    watch(service=service)
    try:
        with changing(service):
            yield
    except Busy:
        raise NotPushed(BUSY) from None
    except OutcomeUnknown:
        schedule(RemoteState.objects.filter(service=service))
        raise


def _require_https(service: Service) -> None:
    if not (is_public_https() or service.is_sandbox):
        raise NotPushed("PUBLIC_URL must begin with https:// before it can be sent to Clarius Cloud.")


def _describe_kept(names: list[str]) -> str:
    return f"Clarius Cloud kept another value for {' and '.join(names)}."


def _refuse_foreign(*, service: Service, before: RemoteSettings, names: dict[str, str]) -> None:
    for name in names:
        if judge(service=service, name=name, url=getattr(before, name)) == V.FOREIGN:
            raise WouldReplaceForeign(
                "Clarius Cloud has the address of another deployment, which would no longer be notified. "
                "Confirm that it is to be replaced."
            )
