"""The applications of Clarius Cloud and what was customized for the service's users, as last read."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from integrations.clarius import ClariusClient
from integrations.clarius.schemas import CustomizedApplication
from integrations.models import Application, Service
from integrations.services.reading import NotBelievable, Reading, storable

NAME_LENGTH = 200
Customized = dict[UUID, CustomizedApplication]


def read_applications(client: ClariusClient, reading: Reading) -> Callable[[], str]:
    """Read both lists; raises NotBelievable for an empty catalogue, ClariusError and LeaseLost."""
    names = {each.uuid: each.name for each in client.list_applications()}
    reading.note(seen=len(names), expected=len(names))
    customized = {each.uuid: each for each in client.list_customized_applications()}
    rows = Application.objects.filter(service=reading.service)
    if not names and rows.exists():
        raise NotBelievable("Clarius Cloud listed no application at all; nothing was changed.")
    for row in rows.filter(is_customized=True).exclude(remote_uuid__in=customized):
        # A list that leaves one out may be a slip: the Cloud is asked about it by its name.
        reading.held.check()
        found = client.get_customized_application(uuid=row.remote_uuid)
        if found is not None:
            customized[row.remote_uuid] = found
    return lambda: _apply(service=reading.service, names=names, customized=customized)


def _apply(*, service: Service, names: dict[UUID, str], customized: Customized) -> str:
    now = timezone.now()
    Application.objects.filter(service=service).exclude(remote_uuid__in=names).update(is_listed=False)
    for remote_uuid in {*names, *customized}:
        note_application(
            service=service,
            remote_uuid=remote_uuid,
            name=names.get(remote_uuid),
            found=customized.get(remote_uuid),
            now=now,
        )
    # Of those that neither list names nothing is customized any more.
    gone = Application.objects.filter(service=service).exclude(remote_uuid__in=[*names, *customized])
    gone.update(is_customized=False, annotations=[], extra={}, read_at=now)
    noun = "application" if len(names) == 1 else "applications"
    return f"{len(names)} {noun}, {len(customized)} customized"


def note_application(
    *,
    service: Service,
    remote_uuid: UUID,
    name: str | None,
    found: CustomizedApplication | None,
    now: datetime,
) -> None:
    """Write down what the Cloud has of one application; `name` is None when its catalogue lacks it."""
    values: dict[str, Any] = {"read_at": now} | remote_values(found)
    known_name = name or (found.name if found else "")
    if known_name:
        values["name"] = str(storable(known_name))[:NAME_LENGTH]
    if name is not None:
        values["is_listed"] = True
    made = {"is_listed": name is not None, "name": ""}
    Application.objects.update_or_create(
        service=service, remote_uuid=remote_uuid, defaults=values, create_defaults=made | values
    )


def remote_values(found: CustomizedApplication | None) -> dict[str, Any]:
    """Return the columns that say what the Cloud has, None being no customization."""
    if found is None:
        return {"is_customized": False, "annotations": [], "extra": {}}
    return {
        "is_customized": True,
        "annotations": storable([group.to_json() for group in found.annotations]),
        "extra": storable(dict(found.extra)),
    }
