"""The service's keys as the Cloud and the portal know them together; no secret leaves this layer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.settings.remote_state import last_read

IN_USE, RETIRING, STANDBY, ELSEWHERE, REVOKED, UNKNOWN_THERE = (
    "in use",
    "being replaced",
    "standby",
    "only at the Cloud",
    "revoked",
    "not at the Cloud",
)


@dataclass(frozen=True)
class KeyRow:
    """One key as the Cloud and the portal know it together."""

    prefix: str
    name: str
    state: str
    created_at: datetime | None
    last_used_at: datetime | None
    in_use_since: datetime | None = None
    is_refused: bool = False

    @property
    def label(self) -> str:
        """The state as pages show it."""
        return f"{self.state}, refused" if self.is_refused else self.state

    @property
    def can_be_revoked(self) -> bool:
        """Whether it exists at the Cloud and nothing here depends on it."""
        return self.state in (STANDBY, ELSEWHERE)

    @property
    def can_be_used(self) -> bool:
        """Whether its secret is stored here; the Cloud may list it by now although it did not before."""
        return self.state in (STANDBY, UNKNOWN_THERE)


def list_keys(*, service: Service) -> list[KeyRow]:
    """Join the Cloud's last list with the stored keys; makes no call."""
    state = last_read(service=service)
    listed = {each["prefix"]: each for each in state.keys}
    rotation = open_rotation(service=service)
    # The circuit opens when the Cloud has refused all keys.
    is_refused = Service.objects.filter(pk=service.pk, circuit_opened_at__isnull=False).exists()
    rows = [
        _join_key(
            key,
            listed.pop(key.prefix, None),
            read_at=state.read_at,
            is_retiring=rotation is not None and key.prefix == rotation.old_prefix,
            is_refused=is_refused,
        )
        for key in ApiKey.objects.filter(service=service)
        .defer("secret")
        .order_by("-is_in_use", "-created_at")
    ]
    rows += [KeyRow(prefix, each["name"], ELSEWHERE, _created(each), None) for prefix, each in listed.items()]
    order = [IN_USE, RETIRING, STANDBY, ELSEWHERE, UNKNOWN_THERE, REVOKED]
    return sorted(rows, key=lambda row: order.index(row.state))


def open_rotation(*, service: Service) -> KeyRotation | None:
    """Return the rotation that has not ended yet, or None."""
    return KeyRotation.objects.filter(service=service).exclude(step__in=KeyRotation.ENDED).first()


def _created(there: dict[str, Any]) -> datetime | None:
    # The Cloud may list a key without its time.
    return parse_datetime(there["created"] or "")


def _join_key(
    key: ApiKey,
    there: dict[str, Any] | None,
    *,
    read_at: datetime | None,
    is_retiring: bool,
    is_refused: bool,
) -> KeyRow:
    created = _created(there) if there else key.created_at
    name = key.name or (there["name"] if there else "")
    state = _state(key, is_there=there is not None, read_at=read_at, is_retiring=is_retiring)
    is_refused = is_refused and key.revoked_at is None
    return KeyRow(key.prefix, name, state, created, key.last_used_at, key.in_use_since, is_refused)


def _state(key: ApiKey, *, is_there: bool, read_at: datetime | None, is_retiring: bool) -> str:
    if key.revoked_at:
        # The revocation did not complete.
        return ELSEWHERE if is_there else REVOKED
    if key.is_in_use:
        return IN_USE
    if is_retiring:
        return RETIRING
    # A list that was read earlier cannot have a key that was stored later.
    is_missed = read_at is not None and key.created_at <= read_at and not is_there
    return UNKNOWN_THERE if is_missed else STANDBY
