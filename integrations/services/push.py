"""Change what the Cloud is told of a service: which addresses, and a new secret for the webhook."""

from django.db import transaction

from accounts.models import User
from audit.record import record
from integrations.clarius import RemoteSettings, errors
from integrations.encryption import CannotDecrypt
from integrations.models import RemoteState, Service
from integrations.services.addresses import connect_url, is_public_https, webhook_url
from integrations.services.clients import NoKey, client_for
from integrations.services.remote_settings import FIELDS
from integrations.services.remote_state import judge, note_settings, watch
from integrations.services.webhook_secrets import put_secret_back, replace_secret

V = RemoteState.Verdict


class NotPushed(Exception):
    """The Cloud was not changed, or kept another value; the message is one sentence for the reader."""


class WouldReplaceForeign(NotPushed):
    """Another deployment's address stands at the Cloud, and nobody confirmed to replace it."""


def push_settings(
    *,
    service: Service,
    is_notified: bool,
    is_connectable: bool,
    user: User,
    address: str | None,
    may_replace_foreign: bool = False,
) -> None:
    """Tell the Cloud our addresses or "" for what is off, and read them back; raises NotPushed."""
    if (is_notified or is_connectable) and not (is_public_https() or service.is_sandbox):
        raise NotPushed("PUBLIC_URL must begin with https:// before Clarius Cloud can be told of it.")
    wanted = {
        "notification_url": webhook_url(service=service) if is_notified else "",
        "token_transfer_url": connect_url(service=service) if is_connectable else "",
    }
    try:
        remote = _push(service=service, wanted=wanted, may_replace_foreign=may_replace_foreign)
    except NotPushed:
        _audit(service=service, user=user, address=address, outcome="refused")
        raise
    kept = [name for name in FIELDS if getattr(remote, name) != wanted[name]]
    with transaction.atomic():
        service.is_notified, service.is_connectable = is_notified, is_connectable
        service.is_poll_only = not (is_notified or is_connectable)
        service.is_registered = not kept and not service.is_poll_only
        changed = ["is_notified", "is_connectable", "is_poll_only", "is_registered"]
        service.save(update_fields=changed)
        _audit(
            service=service,
            user=user,
            address=address,
            outcome="differs" if kept else "ok",
            notifications="on" if is_notified else "off",
            hand_over="on" if is_connectable else "off",
        )
    note_settings(service=service, remote=remote)
    if kept:
        raise NotPushed(f"Clarius Cloud kept another value for {' and '.join(kept)}.")


def rotate_webhook_secret(*, service: Service, user: User, address: str | None) -> None:
    """Give the webhook a new secret and tell the Cloud; the old one works for an hour. Raises NotPushed."""
    if not service.is_notified or not service.is_registered:
        with transaction.atomic():
            replace_secret(service=service)
            _audit_secret(service=service, user=user, address=address, outcome="ok")
        return
    # Stored before it is pushed: the first notification to the new address finds its door.
    replace_secret(service=service)
    wanted = {"notification_url": webhook_url(service=service)}
    try:
        remote = _push(service=service, wanted=wanted, may_replace_foreign=False)
    except NotPushed:
        with transaction.atomic():
            put_secret_back(service=service)
            _audit_secret(service=service, user=user, address=address, outcome="refused")
        raise
    note_settings(service=service, remote=remote)
    _audit_secret(service=service, user=user, address=address, outcome="ok")


def _push(*, service: Service, wanted: dict[str, str], may_replace_foreign: bool) -> RemoteSettings:
    try:
        with client_for(service=service) as client:
            before = client.get_settings()
            changes = {name: url for name, url in wanted.items() if getattr(before, name) != url}
            if not may_replace_foreign:
                _refuse_foreign(service=service, before=before, names=changes)
            if changes:
                client.update_settings(**changes)
            after = client.get_settings()
    except errors.Rejected as error:
        # The Cloud's own words may repeat the secret address.
        refused = [name for name in FIELDS if name in error.fields] or list(wanted)
        raise NotPushed(
            f"Clarius Cloud refused {' and '.join(refused)}. It must be able to call PUBLIC_URL."
        ) from None
    except errors.KeyRefused:
        raise NotPushed("Clarius Cloud does not accept the API key in use.") from None
    except (errors.ClariusError, NoKey, CannotDecrypt) as error:
        raise NotPushed(f"{error} Nothing was changed here.") from None
    watch(service=service)
    return after


def _refuse_foreign(*, service: Service, before: RemoteSettings, names: dict[str, str]) -> None:
    for name in names:
        if judge(service=service, name=name, url=getattr(before, name)) == V.FOREIGN:
            raise WouldReplaceForeign(
                "Another deployment's address stands at Clarius Cloud. It would no longer get anything: "
                "confirm that it is to be replaced."
            )


def _audit(*, service: Service, user: User, address: str | None, outcome: str, **more: str) -> None:
    record(
        action="service.settings_pushed",
        outcome=outcome,
        actor=user,
        target=service,
        address=address,
        **more,
    )


def _audit_secret(*, service: Service, user: User, address: str | None, outcome: str) -> None:
    record(action="service.webhook_rotated", outcome=outcome, actor=user, target=service, address=address)
