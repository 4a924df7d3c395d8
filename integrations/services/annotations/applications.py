"""Read the applications of Clarius Cloud and their customizations for the service's users."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.utils import timezone

from integrations.clarius import ClariusClient
from integrations.clarius.schemas import CustomizedApplication
from integrations.models import Application, Service
from integrations.services.reading import ImplausibleAnswer, Reading, storable

# The length of the column.
NAME_LENGTH = 200
# Rows of one transaction: on SQLite nobody else can write meanwhile.
BATCH = 500
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
    _store(reading, names=names, customized=customized)
    return lambda: _end(service=reading.service, names=names, customized=customized)


def _store(reading: Reading, *, names: dict[UUID, str], customized: Customized) -> None:
    """Store what the Cloud lists, each batch in its own transaction; raises LeaseLost."""
    now = timezone.now()
    listed = sorted({*names, *customized})
    for start in range(0, len(listed), BATCH):
        batch = listed[start : start + BATCH]
        reading.hold.check()
        with reading.hold.step():
            stored = Application.objects.filter(service=reading.service, remote_uuid__in=batch)
            known_names = dict(stored.values_list("remote_uuid", "name"))
            rows = []
            for remote_uuid in batch:
                found = customized.get(remote_uuid)
                name = names.get(remote_uuid) or (found.name if found else "")
                rows.append(
                    Application(
                        service=reading.service,
                        remote_uuid=remote_uuid,
                        name=str(storable(name))[:NAME_LENGTH] or known_names.get(remote_uuid, ""),
                        is_listed=remote_uuid in names,
                        read_at=now,
                        **remote_values(found),
                    )
                )
            Application.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["service", "remote_uuid"],
                update_fields=["name", "is_listed", "read_at", *remote_values(None)],
            )


def _end(*, service: Service, names: dict[UUID, str], customized: Customized) -> str:
    """Mark what is on neither list any more, and return a summary."""
    rows = Application.objects.filter(service=service)
    rows.exclude(remote_uuid__in=names).update(is_listed=False)
    gone = rows.exclude(remote_uuid__in=[*names, *customized])
    gone.update(read_at=timezone.now(), **remote_values(None))
    noun = "application" if len(names) == 1 else "applications"
    return f"{len(names)} {noun}, {len(customized)} customized"


def remote_values(found: CustomizedApplication | None) -> dict[str, Any]:
    """Return the columns for a customization, or for none."""
    if found is None:
        return {"is_customized": False, "annotations": [], "extra": {}}
    return {
        "is_customized": True,
        "annotations": storable([group.to_json() for group in found.annotations]),
        "extra": storable(dict(found.extra)),
    }
