"""The Cloud's settings of a service: push our two addresses and read them back."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from audit.record import record
from background.jobs import schedule
from integrations.clarius import ClariusClient, RemoteSettings, errors
from integrations.models import RemoteState, Service
from integrations.services.addresses import connect_url, is_public_https, webhook_url
from integrations.services.clients import NoKey, client_for
from integrations.services.turns import NotNow, cloud_turn
from integrations.services.webhook_secrets import doubt_secret

FIELDS = ("notification_url", "token_transfer_url")
UNANSWERED = (
    "Clarius Cloud gave no answer, so whether it took the change is not known. "
    "It is asked again by itself; what it has is shown here then."
)


@dataclass(frozen=True)
class Registration:
    """Whether the Cloud knows our addresses, else what to mend; and whether others stood there before."""

    is_registered: bool
    problem: str = ""
    has_replaced: bool = False


class Unanswered(Exception):
    """The change may have been made or not; the message is one sentence for the reader."""


Check = Callable[[RemoteSettings, dict[str, str]], None]


def tell_cloud(
    *, client: ClariusClient, wanted: dict[str, str], check: Check | None = None
) -> tuple[RemoteSettings, RemoteSettings]:
    """Change what differs and return what was there before and is there now.

    A change whose answer was lost is read back. Raises Unanswered when that fails as well, and ClariusError
    when nothing was changed; `check` sees what was there and the changes, and may stop them.
    """
    before = client.get_settings()
    changes = {name: url for name, url in wanted.items() if getattr(before, name) != url}
    if check is not None:
        check(before, changes)
    if not changes:
        return before, before
    lost = _change(client, changes)
    try:
        after = client.get_settings()
    except errors.ClariusError:
        raise Unanswered(UNANSWERED) from None
    if lost is not None and _urls(after) == _urls(before):
        raise lost
    return before, after


def register_service(*, service: Service) -> Registration:
    """Push the addresses that differ, read them back, and note on the service whether they stand."""
    outcome = ""
    try:
        registration = _register(service=service)
    except Unanswered as error:
        # Nothing is known, so what was known before stands.
        doubt_secret(service=service)
        registration, outcome = Registration(service.is_registered, str(error)), "unknown"
    with transaction.atomic():
        Service.objects.filter(pk=service.pk).update(is_registered=registration.is_registered)
        record(
            action="service.registered",
            outcome=outcome or ("ok" if registration.is_registered else "refused"),
            target=service,
            has_replaced=str(registration.has_replaced),
        )
        if outcome:
            schedule(queryset=RemoteState.objects.filter(service=service))
    service.is_registered = registration.is_registered
    return registration


def _register(*, service: Service) -> Registration:
    if not is_public_https() and not service.is_sandbox:
        return Registration(
            False, "PUBLIC_URL must begin with https:// before Clarius Cloud can be told; or use --poll-only."
        )
    try:
        with cloud_turn(service=service), client_for(service=service) as client:
            wanted = {
                "notification_url": webhook_url(service=service),
                "token_transfer_url": connect_url(service=service),
            }
            before, after = tell_cloud(client=client, wanted=wanted)
    except errors.Rejected as error:
        return Registration(False, _refusal(error))
    except (errors.ClariusError, NoKey, NotNow) as error:
        return Registration(False, f"{error} Run the command again to resume.")
    return _compare(before=before, after=after, wanted=wanted)


def _change(client: ClariusClient, changes: dict[str, str]) -> errors.ClariusError | None:
    """Push; return the error that says nothing of whether the change was made, raise any other."""
    try:
        client.update_settings(**changes)
    except (errors.Rejected, errors.KeyRefused, errors.NotFound, errors.Throttled, errors.BlockedByPolicy):
        raise
    except errors.ClariusError as error:
        return error
    return None


def _urls(remote: RemoteSettings) -> tuple[str, ...]:
    return tuple(getattr(remote, name) for name in FIELDS)


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
