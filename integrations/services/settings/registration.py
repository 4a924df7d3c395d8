"""The Cloud's settings of a service: push our two addresses and read them back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import transaction

from audit.entries import add_entry
from background.jobs import schedule
from background.locks import Busy, lock
from integrations.clarius import RemoteSettings, errors
from integrations.cloud import PAGE, CloudProblem, cloud
from integrations.models import RemoteState, Service
from integrations.services.settings.addresses import connect_url, is_public_https, webhook_url
from integrations.services.settings.webhook_secrets import COLUMNS, doubt_secret

FIELDS = ("notification_url", "token_transfer_url")
UNANSWERED = (
    "Clarius Cloud gave no answer, so it is not known whether it took the change. "
    "It is asked again automatically; what it has is shown here then."
)
BUSY = "Somebody else is changing settings or keys at this moment. Try again in a minute."


@dataclass(frozen=True)
class Registration:
    """Whether the Cloud knows our addresses, else what to mend; and whether others stood there before."""

    is_registered: bool
    problem: str = ""
    has_replaced: bool = False


class Unanswered(Exception):
    """The change may have been made or not; the message is one sentence for the reader."""


Check = Callable[[RemoteSettings, dict[str, str]], None]


@contextmanager
def changing(service: Service) -> Iterator[None]:
    """Be the only one who changes what the Cloud has, with the secrets as they are now; raises Busy."""
    with lock(service, field="change_until"):
        service.refresh_from_db(fields=COLUMNS)
        yield


def tell_cloud(
    *, service: Service, wanted: dict[str, str], check: Check | None = None
) -> tuple[RemoteSettings, RemoteSettings]:
    """Change what differs and return what was there before and is there now.

    A change whose answer was lost is read back. Raises Unanswered when that fails as well, and CloudProblem
    when nothing was changed; `check` sees what was there and the changes, and may stop them.
    """
    before = _read(service)
    changes = {name: url for name, url in wanted.items() if getattr(before, name) != url}
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
        after = _read(service)
    except CloudProblem:
        raise Unanswered(UNANSWERED) from None
    if lost is not None and _urls(after) == _urls(before):
        raise lost
    return before, after


def _read(service: Service) -> RemoteSettings:
    with cloud(service, always=True) as client:
        return client.get_settings()


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
        add_entry(
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
        with changing(service):
            wanted = {
                "notification_url": webhook_url(service=service),
                "token_transfer_url": connect_url(service=service),
            }
            before, after = tell_cloud(service=service, wanted=wanted)
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
