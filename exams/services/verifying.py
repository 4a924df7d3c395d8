"""Hash a sample of the stored files again: a file that changed by itself is never shown as what arrived."""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Min, QuerySet

from accounts.services.alerts import alert_administrators
from audit.record import record
from background.jobs import schedule
from exams.models import Capture, Report, Submission
from exams.services.states import move_captures
from exams.storage import open_file

SAMPLE_FILES = 200
SAMPLE_BYTES = 4 << 30
STEP = 1 << 20
RENDITIONS = ("thumbnail", "preview")
DAMAGED = "The stored file is damaged; it is fetched again."


@dataclass
class Verified:
    """How many files were hashed, and how many of them are not what they were."""

    checked: int = 0
    damaged: int = 0

    def __str__(self) -> str:
        return f"{self.checked} files checked, {self.damaged} damaged"


def verify_files(*, is_everything: bool = False, check: Callable[[], None] = lambda: None) -> Verified:
    """Hash a sample of the stored files, or all of them; damaged captures are fetched again.

    `check` is called between files and may raise.
    """
    result = Verified()
    rows: tuple[QuerySet[Any], ...] = (Capture.objects.stored(), Report.objects.all())
    for queryset in rows:
        size = 0
        for row in queryset.iterator() if is_everything else _sample(queryset):
            check()
            result.checked += 1
            result.damaged += _verify(row)
            size += row.size
            if not is_everything and size > SAMPLE_BYTES:
                break
    if result.damaged:
        alert_administrators(
            subject="Stored files are damaged",
            body=f"{result}. The audit log names them (file.damaged). Captures are fetched again from "
            "Clarius Cloud; a damaged report has to come from a backup. Check the disk.",
        )
    return result


def is_whole(path: str) -> bool:
    """Tell whether a stored file is there and still has the hash that names it."""
    digest = hashlib.sha256()
    try:
        with open_file(path) as file:
            while piece := file.read(STEP):
                digest.update(piece)
    except (OSError, ValueError):
        return False
    return digest.hexdigest() == path.rpartition("/")[2]


def _sample(rows: QuerySet[Any]) -> Iterator[Any]:
    """Pick rows by random numbers: sorting millions of rows at random would take minutes."""
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return
    seen: set[int] = set()
    for _ in range(SAMPLE_FILES):
        number = random.randint(ends["first"], ends["last"])  # noqa: S311
        row = rows.filter(pk__gte=number).order_by("pk").first()
        if row is not None and row.pk not in seen:
            seen.add(row.pk)
            yield row


def _verify(row: Any) -> bool:
    """Check one row's files and return whether its own is damaged."""
    if isinstance(row, Capture):
        _verify_renditions(row)
    if is_whole(row.file):
        return False
    with transaction.atomic():
        record(action="file.damaged", outcome="failed", target=row)
        if isinstance(row, Capture):
            _fetch_again(row.file)
    return True


def _verify_renditions(capture: Capture) -> None:
    if any(not is_whole(path) for name in RENDITIONS if (path := getattr(capture, name))):
        Capture.objects.filter(pk=capture.pk).update(thumbnail="", preview="")
        schedule(model=Capture, pk=capture.pk)


def _fetch_again(path: str) -> None:
    # The same bytes are stored once, so every capture that names them lost them.
    rows = Capture.objects.stored().filter(file=path)
    for pk, submission in list(rows.values_list("pk", "submission")):
        moved = move_captures(
            Capture.objects.filter(pk=pk), to=Capture.State.PENDING, file="", failure_reason=DAMAGED
        )
        Submission.objects.filter(pk=submission).update(stored_count=F("stored_count") - moved)
        schedule(model=Submission, pk=submission)
