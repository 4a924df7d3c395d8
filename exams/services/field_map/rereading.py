"""Change a field map, and read the stored answers again in the background, without calling the Cloud."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit.entries import add_entry
from background.due import schedule
from background.leases import Hold
from background.runner import NOW, Done, Job, Later, Outcome
from exams.models import FieldMap, Submission
from exams.services.field_map.mapping import read_mapped, store_mapped
from integrations.models import Service


class MapChanged(Exception):
    """Someone else changed the map meanwhile; nothing was stored."""


def change_map(
    *,
    service: Service,
    paths: dict[str, str],
    time_zone: str,
    user: Any,
    address: str | None,
    base: int | None = None,
) -> FieldMap:
    """Store a service's map and make the stored answers due to be read again.

    `base` is the version with which the editor began, or 0 without a map; raises MapChanged if the stored
    version is another one.
    """
    count = _answers(service.pk).count()
    with transaction.atomic():
        field_map, _ = FieldMap.objects.select_for_update().get_or_create(service=service)
        if base is not None and base != field_map.version:
            raise MapChanged
        FieldMap.objects.filter(pk=field_map.pk).update(
            **{name: paths.get(name, "") for name in FieldMap.PATHS},
            time_zone=time_zone,
            version=F("version") + 1,
            cursor=0,
            read_count=0,
            total_count=count,
            finished_at=None,
        )
        schedule(FieldMap.objects.filter(pk=field_map.pk))
        field_map.refresh_from_db()
        add_entry(
            action="field_map.changed",
            actor=user,
            target=service,
            address=address,
            version=str(field_map.version),
        )
    return field_map


def _read_all(field_map: FieldMap, hold: Hold) -> Outcome:
    mine = FieldMap.objects.filter(pk=field_map.pk, version=field_map.version)
    cursor = field_map.cursor
    while True:
        hold.check()
        rows = _answers(field_map.service_id).filter(pk__gt=cursor).order_by("pk")
        chunk = list(rows.only("pk", "raw_data", "data_read_at")[: settings.REREAD_CHUNK])
        if not chunk:
            break
        for row in chunk:
            _read_one(field_map, row)
        cursor = chunk[-1].pk
        if not mine.update(cursor=cursor, read_count=F("read_count") + len(chunk)):
            # The map was changed meanwhile, and reading begins again.
            break

    def note_end() -> None:
        mine.update(finished_at=timezone.now())

    return Done(effect=note_end)


def _read_one(field_map: FieldMap, row: Submission) -> None:
    mapped = read_mapped(field_map=field_map, raw=row.raw_data)
    with transaction.atomic():
        # Locked in the same order as in a fetch, to avoid a deadlock.
        same = Submission.objects.select_for_update().filter(pk=row.pk, data_read_at=row.data_read_at)
        current = FieldMap.objects.select_for_update().filter(pk=field_map.pk, version=field_map.version)
        # Data that was fetched meanwhile has been read with the newer map.
        if same.exists() and current.exists():
            columns = store_mapped(submission_pk=row.pk, mapped=mapped)
            Submission.objects.filter(pk=row.pk).update(**columns)


def _answers(service_id: int) -> Any:
    return Submission.objects.filter(service=service_id).exclude(raw_data="")


READ_AGAIN = Job(
    name="exams.read_again",
    model=FieldMap,
    work=_read_all,
    # An attempt that stops here loses nothing: the cursor is stored, and a new attempt continues from there.
    deadline=timedelta(minutes=30),
    overtime=lambda field_map, hold: Later(NOW),
    # It ends when every answer has been read.
    tries=None,
)
