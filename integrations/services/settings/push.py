"""Change a service's settings at the Cloud: its two addresses, and a new webhook secret."""

from dataclasses import dataclass
from functools import partial

from django.db import transaction

from accounts.models import User
from audit.entries import add_entry
from integrations.clarius import RemoteSettings, errors
from integrations.cloud import PAGE, CloudProblem, cloud
from integrations.models import RemoteState, Service
from integrations.services.changing import NotDone, OutcomeUnknown, audited, changing
from integrations.services.settings.addresses import connect_url, differing, is_public_https, webhook_url
from integrations.services.settings.remote_state import FIELDS, judge, store_settings, watch
from integrations.services.settings.webhook_secrets import (
    COLUMNS,
    doubt_secret,
    propose_secret,
    replace_secret,
    withdraw_secret,
)

UNANSWERED = (
    "Clarius Cloud gave no answer, so it is not known whether it took the change. "
    "Its settings are read again automatically and then shown here."
)


class WouldReplaceForeign(NotDone):
    """The Cloud has another deployment's address, and nobody confirmed its replacement."""


@dataclass(frozen=True)
class Registration:
    """The outcome of a registration, with what to fix and whether other addresses were replaced."""

    is_registered: bool
    problem: str = ""
    has_replaced: bool = False


def push_settings(
    *,
    service: Service,
    is_notified: bool,
    is_connectable: bool,
    user: User,
    address: str | None,
    may_replace_foreign: bool = False,
) -> None:
    """Send the Cloud our addresses, or "" for each that is off, and read them back; raises NotDone."""
    audit = partial(add_entry, action="service.settings_pushed", actor=user, target=service, address=address)
    watch(service=service)
    with audited(audit), changing(service):
        service.refresh_from_db(fields=COLUMNS)
        if (is_notified or is_connectable) and not (is_public_https() or service.is_sandbox):
            raise NotDone("PUBLIC_URL must begin with https:// before it can be sent to Clarius Cloud.")
        wanted = {
            "notification_url": webhook_url(service=service) if is_notified else "",
            "token_transfer_url": connect_url(service=service) if is_connectable else "",
        }
        try:
            _, remote = _push(service, wanted, may_replace_foreign=may_replace_foreign)
        except OutcomeUnknown:
            doubt_secret(service=service)
            raise
        kept = _kept(wanted, remote)
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
        raise NotDone(kept)


def rotate_webhook_secret(*, service: Service, user: User, address: str | None) -> None:
    """Create a webhook secret and send it to the Cloud; the old one works for an hour. Raises NotDone."""
    audit = partial(add_entry, action="service.webhook_rotated", actor=user, target=service, address=address)
    watch(service=service)
    with audited(audit), changing(service):
        service.refresh_from_db(fields=COLUMNS)
        if service.is_notified and service.is_registered:
            _push_new_secret(service)
            audit()
            return
        with transaction.atomic():
            replace_secret(service=service)
            audit()


def reveal_webhook(*, service: Service, user: User, address: str | None) -> str:
    """Return the secret address of the webhook, and audit that it was shown."""
    add_entry(action="service.webhook_revealed", actor=user, target=service, address=address)
    return webhook_url(service=service)


def register_service(*, service: Service) -> Registration:
    """Send the addresses that differ, read them back, and store whether the service is registered."""
    try:
        with changing(service):
            service.refresh_from_db(fields=COLUMNS)
            wanted = {
                "notification_url": webhook_url(service=service),
                "token_transfer_url": connect_url(service=service),
            }
            before, after = _push(service, wanted, may_replace_foreign=True)
        kept = _kept(wanted, after)
        has_replaced = not kept and any(getattr(before, name) for name in differing(before, wanted))
        registration, outcome = Registration(not kept, kept, has_replaced), "refused" if kept else "ok"
    except OutcomeUnknown as error:
        # The stored state is kept.
        doubt_secret(service=service)
        registration, outcome = Registration(service.is_registered, str(error)), "unknown"
    except NotDone as error:
        registration, outcome = Registration(False, f"{error} To continue, run the command again."), "refused"
    service.is_registered = registration.is_registered
    with transaction.atomic():
        Service.objects.filter(pk=service.pk).update(is_registered=service.is_registered)
        add_entry(
            action="service.registered",
            outcome=outcome,
            target=service,
            has_replaced=str(registration.has_replaced),
        )
    return registration


def _push_new_secret(service: Service) -> None:
    secret = propose_secret(service=service)
    wanted = {"notification_url": webhook_url(service=service, secret=secret)}
    try:
        _, remote = _push(service, wanted, may_replace_foreign=False)
    except OutcomeUnknown:
        raise
    except NotDone:
        withdraw_secret(service=service, secret=secret)
        raise
    store_settings(service=service, remote=remote)
    kept = _kept(wanted, remote)
    if kept:
        raise NotDone(kept)


def _push(
    service: Service, wanted: dict[str, str], *, may_replace_foreign: bool
) -> tuple[RemoteSettings, RemoteSettings]:
    """Change the settings that differ and return the settings before and after; raises NotDone."""
    try:
        before = _read(service)
        changes = {name: wanted[name] for name in differing(before, wanted)}
        if not may_replace_foreign:
            _refuse_foreign(service, before, names=changes)
        return before, _change(service, before, changes) if changes else before
    except CloudProblem as problem:
        if isinstance(problem.error, errors.Rejected):
            # The text of the Cloud may repeat the secret address.
            refused = [name for name in FIELDS if name in problem.error.fields] or list(wanted)
            raise NotDone(
                f"Clarius Cloud refused {' and '.join(refused)}. It must be able to call PUBLIC_URL."
            ) from None
        raise NotDone(f"{problem} Nothing was changed.") from None


def _change(service: Service, before: RemoteSettings, changes: dict[str, str]) -> RemoteSettings:
    """Return the settings after the change; they are read, also after a lost answer.

    Raises OutcomeUnknown if that fails, CloudProblem if nothing was changed.
    """
    lost = None
    try:
        with cloud(service, rules=PAGE, always=True) as client:
            client.update_settings(**changes)
    except CloudProblem as problem:
        if not problem.may_be_done:
            raise
        lost = problem
    try:
        after = _read(service)
    except CloudProblem:
        raise OutcomeUnknown(UNANSWERED) from None
    if lost is not None and all(getattr(after, name) == getattr(before, name) for name in FIELDS):
        raise lost
    return after


def _read(service: Service) -> RemoteSettings:
    with cloud(service, always=True) as client:
        return client.get_settings()


def _kept(wanted: dict[str, str], remote: RemoteSettings) -> str:
    """Return a sentence if the Cloud has another value than it was sent."""
    kept = differing(remote, wanted)
    return f"Clarius Cloud kept another value for {' and '.join(kept)}." if kept else ""


def _refuse_foreign(service: Service, before: RemoteSettings, *, names: dict[str, str]) -> None:
    statuses = {judge(service=service, name=name, url=getattr(before, name)) for name in names}
    if RemoteState.Status.FOREIGN in statuses:
        raise WouldReplaceForeign(
            "Clarius Cloud has the address of another deployment, which would no longer be notified. "
            "Confirm that it is to be replaced."
        )
