"""Read the applications of Clarius Cloud and their customizations for the service's users."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from integrations.clarius import ClariusClient
from integrations.clarius.schemas import CustomizedApplication
from integrations.models import Application, Service
from integrations.services.reading import ImplausibleAnswer, Reading, storable

# The length of the column.
NAME_LENGTH = 200
Customized = dict[UUID, CustomizedApplication]


def read_applications(client: ClariusClient, reading: Reading) -> Callable[[], str]:
    """Read both lists; raises ImplausibleAnswer for an empty catalogue, ClariusError and LeaseLost."""
    names = {each.uuid: each.name for each in client.list_applications()}
    reading.show_progress(seen=len(names), expected=len(names))
    customized = {each.uuid: each for each in client.list_customized_applications()}
    rows = Application.objects.filter(service=reading.service)
    if not names and rows.exists():
        raise ImplausibleAnswer("Clarius Cloud listed no application. Nothing was changed.")
    for row in rows.filter(is_customized=True).exclude(remote_uuid__in=customized):
        # The list may omit one by mistake, so the application itself is read.
        reading.hold.check()
        found = client.get_customized_application(uuid=row.remote_uuid)
        if found is not None:
            customized[row.remote_uuid] = found
    return lambda: _apply(service=reading.service, names=names, customized=customized)


def _apply(*, service: Service, names: dict[UUID, str], customized: Customized) -> str:
    now = timezone.now()
    Application.objects.filter(service=service).exclude(remote_uuid__in=names).update(is_listed=False)
    for remote_uuid in {*names, *customized}:
        store_application(
            service=service,
            remote_uuid=remote_uuid,
            name=names.get(remote_uuid),
            found=customized.get(remote_uuid),
            now=now,
        )
    # Applications that are on neither list are no longer customized.
    gone = Application.objects.filter(service=service).exclude(remote_uuid__in=[*names, *customized])
    gone.update(is_customized=False, annotations=[], extra={}, read_at=now)
    noun = "application" if len(names) == 1 else "applications"
    return f"{len(names)} {noun}, {len(customized)} customized"


def store_application(
    *,
    service: Service,
    remote_uuid: UUID,
    name: str | None,
    found: CustomizedApplication | None,
    now: datetime,
) -> None:
    """Store one application as the Cloud has it; `name` is None when the catalogue does not list it."""
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
    """Return the columns for a customization, or for none."""
    if found is None:
        return {"is_customized": False, "annotations": [], "extra": {}}
    return {
        "is_customized": True,
        "annotations": storable([group.to_json() for group in found.annotations]),
        "extra": storable(dict(found.extra)),
    }
