"""Register a service: send our two addresses to the Cloud and read them back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from audit.entries import add_entry
from background.due import schedule
from background.locks import Busy, lock
from integrations.clarius import RemoteSettings, errors
from integrations.cloud import PAGE, CloudProblem, cloud
from integrations.models import RemoteState, Service
from integrations.services.settings.addresses import connect_url, differing, is_public_https, webhook_url
from integrations.services.settings.webhook_secrets import COLUMNS, doubt_secret

FIELDS = ("notification_url", "token_transfer_url")
UNANSWERED = (
    "Clarius Cloud gave no answer, so it is not known whether it took the change. "
    "Its settings are read again automatically and then shown here."
)
BUSY = "Somebody else is changing settings or keys at this moment. Try again in a minute."


@dataclass(frozen=True)
class Registration:
    """The outcome of a registration, with what to fix and whether other addresses were replaced."""

    is_registered: bool
    problem: str = ""
    has_replaced: bool = False


class Unanswered(Exception):
    """The Cloud may have made the change or not; the message is one sentence for the reader."""


Check = Callable[[RemoteSettings, dict[str, str]], None]


@contextmanager
def changing(service: Service) -> Iterator[None]:
    """Hold the lock for changes at the Cloud, with the secrets read again; raises Busy."""
    with lock(service, field="change_until"):
        service.refresh_from_db(fields=COLUMNS)
        yield


def update_cloud(
    *, service: Service, wanted: dict[str, str], check: Check | None = None
) -> tuple[RemoteSettings, RemoteSettings]:
    """Change the settings that differ and return the settings before and after.

    After a lost answer the settings are read. Raises Unanswered if that fails as well, CloudProblem if
    nothing was changed; `check` gets the settings before and the changes, and may raise to stop them.
    """
    before = _read_settings(service)
    changes = {name: wanted[name] for name in differing(before, wanted)}
    if check is not None:
        check(before, changes)
    if not changes:
        return before, before
    lost = None
    try:
        with cloud(service, rules=PAGE, always=True) as client:
            client.update_settings(**changes)
    except CloudProblem as problem:
        if not problem.may_be_done:
            raise
        lost = problem
    try:
        after = _read_settings(service)
    except CloudProblem:
        raise Unanswered(UNANSWERED) from None
    if lost is not None and _urls(after) == _urls(before):
        raise lost
    return before, after


def _read_settings(service: Service) -> RemoteSettings:
    with cloud(service, always=True) as client:
        return client.get_settings()


def register_service(*, service: Service) -> Registration:
    """Send the addresses that differ, read them back, and store whether the service is registered."""
    outcome = ""
    try:
        registration = _register(service=service)
    except Unanswered as error:
        # The outcome is unknown, so the stored state is kept.
        doubt_secret(service=service)
        registration, outcome = Registration(service.is_registered, str(error)), "unknown"
    with transaction.atomic():
        Service.objects.filter(pk=service.pk).update(is_registered=registration.is_registered)
        add_entry(
            action="service.registered",
            outcome=outcome or ("ok" if registration.is_registered else "refused"),
            target=service,
            has_replaced=str(registration.has_replaced),
        )
        if outcome:
            schedule(RemoteState.objects.filter(service=service))
    service.is_registered = registration.is_registered
    return registration


def _register(*, service: Service) -> Registration:
    if not is_public_https() and not service.is_sandbox:
        return Registration(
            False,
            "PUBLIC_URL must begin with https:// to register at Clarius Cloud. Otherwise use --poll-only.",
        )
    try:
        with changing(service):
            wanted = {
                "notification_url": webhook_url(service=service),
                "token_transfer_url": connect_url(service=service),
            }
            before, after = update_cloud(service=service, wanted=wanted)
    except CloudProblem as problem:
        if isinstance(problem.error, errors.Rejected):
            return Registration(False, _refusal(problem.error))
        return Registration(False, f"{problem} Run the command again to resume.")
    except Busy:
        return Registration(False, BUSY)
    return _compare(before=before, after=after, wanted=wanted)


def _urls(remote: RemoteSettings) -> tuple[str, ...]:
    return tuple(getattr(remote, name) for name in FIELDS)


def _compare(*, before: RemoteSettings, after: RemoteSettings, wanted: dict[str, str]) -> Registration:
    kept = differing(after, wanted)
    if kept:
        return Registration(False, f"Clarius Cloud kept another value for {' and '.join(kept)}.")
    has_replaced = any(getattr(before, name) for name in differing(before, wanted))
    return Registration(True, has_replaced=has_replaced)


def _refusal(error: errors.Rejected) -> str:
    """Name the refused fields, without the text of the Cloud, which may repeat the secret address."""
    refused = [name for name in FIELDS if name in error.fields] or list(FIELDS)
    return (
        f"Clarius Cloud refused {' and '.join(refused)}: it must be able to call PUBLIC_URL. "
        "Set PUBLIC_URL to the portal's public https:// address and run the command again."
    )
