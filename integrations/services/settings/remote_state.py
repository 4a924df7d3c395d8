"""Read and store a service's settings, masked, and its list of keys from the Cloud."""

from functools import partial
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.entries import add_entry
from background.due import from_now
from background.locks import stamp_of, was_changed_since
from integrations.clarius import ClariusClient, RemoteSettings
from integrations.cloud import CloudProblem, cloud
from integrations.models import RemoteState, Service
from integrations.services.masking import mask_url
from integrations.services.settings.addresses import connect_url, is_same_address, webhook_url
from integrations.services.settings.webhook_secrets import (
    extend_previous_secrets,
    settle_secrets,
    webhook_secrets,
)

V = RemoteState.Status
FIELDS = ("notification_url", "token_transfer_url")
HARMLESS = {V.SAME, V.UNKNOWN}


def wanted_urls(*, service: Service) -> dict[str, str] | None:
    """Return the expected settings, or None for a service that is only polled."""
    if service.is_poll_only:
        return None
    return {
        "notification_url": webhook_url(service=service) if service.is_notified else "",
        "token_transfer_url": connect_url(service=service) if service.is_connectable else "",
    }


def judge(*, service: Service, name: str, url: str) -> RemoteState.Status:
    """Return the status of a setting at the Cloud compared with the expected one."""
    wanted = wanted_urls(service=service)
    if wanted is not None and is_same_address(url, wanted[name]):
        return V.SAME
    if not url:
        return V.SAME if wanted is None else V.OFF
    if name == "notification_url" and any(
        f"/{each}/" in f"{url}/" for each in webhook_secrets(service=service)[1:]
    ):
        return V.PREVIOUS
    return V.OURS if _origin(url) == _origin(settings.PUBLIC_URL) else V.FOREIGN


def read_now(*, service: Service) -> RemoteState:
    """Read settings and keys and store them, also while the service is paused; raises CloudProblem."""
    with cloud(service, always=True) as client:
        return _store_state(service=service, client=client)


def read_again(*, service: Service, user: User, address: str | None) -> None:
    """Read settings and keys for a person, and audit it; raises CloudProblem."""
    audit = partial(add_entry, action="service.remote_read", actor=user, target=service, address=address)
    try:
        read_now(service=service)
    except CloudProblem:
        audit(outcome="failed")
        raise
    audit()


def last_read(*, service: Service) -> RemoteState:
    """Return the stored state, or an empty unsaved row if the Cloud was never read."""
    return RemoteState.objects.filter(service=service).first() or RemoteState(service=service)


def watch(*, service: Service) -> RemoteState:
    """Return the row for the Cloud's state; a missing one is created and due at once."""
    return RemoteState.objects.get_or_create(service=service, defaults={"not_before": from_now()})[0]


def _store_state(*, service: Service, client: ClariusClient) -> RemoteState:
    row = Service.objects.filter(pk=service.pk)
    stamp = stamp_of(row, field="change_until")
    remote, keys = client.get_settings(), client.list_api_keys()
    state = watch(service=service)
    # A push in the meantime has stored the settings as they are now.
    is_current = not was_changed_since(row, field="change_until", stamp=stamp)
    if is_current and store_settings(service=service, remote=remote):
        add_entry(action="service.webhook_secret_adopted", target=service)
    listed = [
        {"prefix": key.prefix, "name": key.name[:100], "created": key.created and key.created.isoformat()}
        for key in keys
    ]
    RemoteState.objects.filter(pk=state.pk).update(keys=listed, problem="", read_at=timezone.now())
    return RemoteState.objects.get(pk=state.pk)


def store_settings(*, service: Service, remote: RemoteSettings) -> bool:
    """Store the settings, and audit when they begin to differ; True if a pending secret was adopted."""
    has_adopted = settle_secrets(service=service, url=remote.notification_url)
    statuses = {name: judge(service=service, name=name, url=getattr(remote, name)) for name in FIELDS}
    if statuses["notification_url"] == V.PREVIOUS:
        extend_previous_secrets(service=service)
    has_drifted = not set(statuses.values()) <= HARMLESS
    state = watch(service=service)
    now = timezone.now()
    values = {
        "notification_url": mask_url(remote.notification_url, slug=service.slug),
        "notification_status": statuses["notification_url"],
        "token_transfer_url": mask_url(remote.token_transfer_url, slug=service.slug),
        "token_transfer_status": statuses["token_transfer_url"],
        "read_at": now,
        "drifted_at": (state.drifted_at or now) if has_drifted else None,
        "problem": "",
    }
    with transaction.atomic():
        RemoteState.objects.filter(pk=state.pk).update(**values)
        if has_drifted and state.drifted_at is None:
            add_entry(
                action="service.settings_drifted",
                outcome="differs",
                target=service,
                notification=str(statuses["notification_url"]),
                token_transfer=str(statuses["token_transfer_url"]),
            )
    return has_adopted


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}".lower()
    except ValueError:
        return ""
