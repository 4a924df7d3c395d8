"""Hash a sample of the stored files again: a file that changed by itself is never shown as what arrived."""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Min, QuerySet

from accounts.services.alerts import alert_administrators
from audit.entries import add_entry
from background.jobs import schedule
from exams.models import Capture, Report, Submission
from exams.services.transitions import move_captures
from exams.states import Failure
from exams.storage import open_file, root

SAMPLE_BYTES = 4 << 30
STEP = 1 << 20
RENDITIONS = ("thumbnail", "preview")


class FilesAway(OSError):
    """The files as a whole are not there: a disk that is not mounted says nothing about any of them."""


class _Look(Enum):
    WHOLE = auto()
    DAMAGED = auto()
    ABSENT = auto()
    # The disk or the system failed, which says nothing about the bytes.
    UNREAD = auto()


@dataclass
class Verified:
    """How many files were hashed, how many are not what they were, and how many could not be read."""

    checked: int = 0
    damaged: int = 0
    unread: int = 0

    def __str__(self) -> str:
        unread = f", {self.unread} could not be read" if self.unread else ""
        return f"{self.checked} files checked, {self.damaged} damaged{unread}"


@dataclass
class _Check:
    """A walk over rows; an absent file is damaged only when others show that the disk is there."""

    is_everything: bool
    result: Verified = field(default_factory=Verified)
    _present: int = 0
    _absent: list[tuple[Any, int]] = field(default_factory=list)

    def look_at(self, row: Any) -> None:
        """Look at a row's files; raises FilesAway."""
        look = _look(row.file)
        if look is _Look.ABSENT:
            self._absent.append((type(row), row.pk))
        else:
            self._present += look is not _Look.UNREAD
            self._settle(row, look)
        # After a restore a person has all of them looked at, and may have far more absent than present.
        if self.is_everything and self._present:
            self._settle_absent()

    def end(self) -> None:
        """Settle what is absent; raises FilesAway when that is the most of what was looked for."""
        if len(self._absent) + self.result.unread > 1 and len(self._absent) > self._present:
            raise FilesAway("Most of the files that were looked for are missing: is their disk mounted?")
        self._settle_absent()

    def _settle_absent(self) -> None:
        absent, self._absent = self._absent, []
        for model, pk in absent:
            row = model._default_manager.filter(pk=pk).first()
            # What was replaced or removed since then is not missing.
            if row is not None and row.file:
                self._settle(row, _look(row.file))

    def _settle(self, row: Any, look: _Look) -> None:
        if look is _Look.UNREAD:
            self.result.unread += 1
            return
        self.result.checked += 1
        if isinstance(row, Capture):
            self.result.unread += _verify_renditions(row)
        if look is not _Look.WHOLE:
            self.result.damaged += 1
            _note_damaged(row)


def verify_files(*, is_everything: bool = False, check: Callable[[], None] = lambda: None) -> Verified:
    """Hash a sample of the stored files, or all of them; damaged captures are fetched again.

    `check` is called between files and may raise. Raises FilesAway when the files as a whole are not there.
    """
    walk = _Check(is_everything=is_everything)
    rows: tuple[QuerySet[Any], ...] = (Capture.objects.stored(), Report.objects.all())
    try:
        for queryset in rows:
            size = 0
            for row in queryset.iterator() if is_everything else _sample(queryset):
                check()
                walk.look_at(row)
                size += row.size
                if not is_everything and size > SAMPLE_BYTES:
                    break
        walk.end()
    except FilesAway as error:
        alert_administrators(subject="Stored files are unavailable", body=f"{error} Nothing was changed.")
        raise
    finally:
        # What was found before the walk broke off is not found a second time.
        _tell(walk.result)
    return walk.result


def _tell(result: Verified) -> None:
    if result.damaged:
        alert_administrators(
            subject="Stored files are damaged",
            body=f"{result}. The audit log names them (file.damaged). Captures are fetched again from "
            "Clarius Cloud. Restore damaged reports from a backup, and check the disk.",
        )
    elif result.unread:
        alert_administrators(
            subject="Stored files could not be read",
            body=f"{result}. They were not changed, and will be checked again later. Check the disk.",
        )


def _look(path: str) -> _Look:
    """Tell whether a stored file still has the hash that names it; raises FilesAway."""
    digest = hashlib.sha256()
    try:
        with open_file(path) as file:
            while piece := file.read(STEP):
                digest.update(piece)
    except FileNotFoundError:
        if not (root() / "files").is_dir():
            raise FilesAway("The folder of files is not there.") from None
        return _Look.ABSENT
    except OSError:
        return _Look.UNREAD
    except ValueError:
        return _Look.DAMAGED
    return _Look.WHOLE if digest.hexdigest() == path.rpartition("/")[2] else _Look.DAMAGED


def _sample(rows: QuerySet[Any]) -> Iterator[Any]:
    """Pick rows by random numbers: sorting millions of rows at random would take minutes."""
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return
    seen: set[int] = set()
    for _ in range(settings.VERIFY_SAMPLE):
        number = random.randint(ends["first"], ends["last"])  # noqa: S311
        row = rows.filter(pk__gte=number).order_by("pk").first()
        if row is not None and row.pk not in seen:
            seen.add(row.pk)
            yield row


def _note_damaged(row: Any) -> None:
    with transaction.atomic():
        add_entry(action="file.damaged", outcome="failed", target=row)
        if isinstance(row, Capture):
            _fetch_again(row.file)


def _verify_renditions(capture: Capture) -> int:
    """Have damaged pictures made anew and return how many could not be read."""
    looks = [_look(path) for name in RENDITIONS if (path := getattr(capture, name))]
    if _Look.DAMAGED in looks or _Look.ABSENT in looks:
        Capture.objects.filter(pk=capture.pk).update(thumbnail="", preview="")
        schedule(model=Capture, pk=capture.pk)
    return looks.count(_Look.UNREAD)


def _fetch_again(path: str) -> None:
    # The same bytes are stored once, so every capture that names them lost them.
    rows = Capture.objects.stored().filter(file=path)
    for pk, submission in list(rows.values_list("pk", "submission")):
        moved = move_captures(
            Capture.objects.filter(pk=pk),
            to=Capture.State.PENDING,
            file="",
            failure_reason=Failure.FILE_DAMAGED,
        )
        Submission.objects.filter(pk=submission).update(stored_count=F("stored_count") - moved)
        schedule(model=Submission, pk=submission)
