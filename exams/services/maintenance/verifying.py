"""Hash a sample of the stored files again, so that damaged files are found and replaced."""

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
from background.due import schedule
from exams.models import Capture, Report, Submission
from exams.services.transitions import move_captures
from exams.states import Failure
from exams.storage import open_file, root

# About a minute of reading on a slow disk.
SAMPLE_BYTES = 4 << 30
# Bytes read at a time.
STEP = 1 << 20
RENDITIONS = ("thumbnail", "preview")


class FilesAway(OSError):
    """All files are missing, probably because their disk is not mounted; none of them counts as damaged."""


class _Condition(Enum):
    WHOLE = auto()
    DAMAGED = auto()
    ABSENT = auto()
    # The disk or the system failed, so the bytes are unknown.
    UNREAD = auto()


@dataclass
class Verified:
    """Counts of the files that were hashed, that are damaged, and that could not be read."""

    checked: int = 0
    damaged: int = 0
    unread: int = 0

    def __str__(self) -> str:
        unread = f", {self.unread} could not be read" if self.unread else ""
        return f"{self.checked} files checked, {self.damaged} damaged{unread}"


@dataclass
class _Verification:
    """One pass over rows; an absent file counts as damaged only if others show that the disk is mounted."""

    is_everything: bool
    result: Verified = field(default_factory=Verified)
    _present: int = 0
    _absent: list[tuple[Any, int]] = field(default_factory=list)

    def examine(self, row: Any) -> None:
        """Verify a row's files; raises FilesAway."""
        condition = _condition_of(row.file)
        if condition is _Condition.ABSENT:
            self._absent.append((type(row), row.pk))
        else:
            self._present += condition is not _Condition.UNREAD
            self._count(row, condition)
        # After a restore someone verifies all files, and far more may be absent than present.
        if self.is_everything and self._present:
            self._count_absent()

    def end(self) -> None:
        """Count absent files as damaged; raises FilesAway if most of the files are absent."""
        if len(self._absent) + self.result.unread > 1 and len(self._absent) > self._present:
            raise FilesAway("Most of the files that were looked for are missing: is their disk mounted?")
        self._count_absent()

    def _count_absent(self) -> None:
        absent, self._absent = self._absent, []
        for model, pk in absent:
            row = model._default_manager.filter(pk=pk).first()
            # The file may have been replaced or removed since then.
            if row is not None and row.file:
                self._count(row, _condition_of(row.file))

    def _count(self, row: Any, condition: _Condition) -> None:
        if condition is _Condition.UNREAD:
            self.result.unread += 1
            return
        self.result.checked += 1
        if isinstance(row, Capture):
            self.result.unread += _verify_renditions(row)
        if condition is _Condition.WHOLE:
            return
        self.result.damaged += 1
        with transaction.atomic():
            add_entry(action="file.damaged", outcome="failed", target=row)
            if isinstance(row, Capture):
                _fetch_again(row.file)


def verify_files(*, is_everything: bool = False, check: Callable[[], None] = lambda: None) -> Verified:
    """Hash a sample of the stored files, or all of them; damaged captures are fetched again.

    `check` is called between files and may raise. Raises FilesAway if most files are missing.
    """
    verification = _Verification(is_everything=is_everything)
    rows: tuple[QuerySet[Any], ...] = (Capture.objects.stored(), Report.objects.all())
    try:
        for queryset in rows:
            size = 0
            for row in queryset.iterator() if is_everything else _sample(queryset):
                check()
                verification.examine(row)
                size += row.size
                if not is_everything and size > SAMPLE_BYTES:
                    break
        verification.end()
    except FilesAway as error:
        alert_administrators(subject="Stored files are unavailable", body=f"{error} Nothing was changed.")
        raise
    finally:
        # Damage found before an interruption is not found a second time.
        _alert(verification.result)
    return verification.result


def _alert(result: Verified) -> None:
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


def _condition_of(path: str) -> _Condition:
    """Compare a stored file with the hash in its name; raises FilesAway."""
    digest = hashlib.sha256()
    try:
        with open_file(path) as file:
            while piece := file.read(STEP):
                digest.update(piece)
    except FileNotFoundError:
        if not (root() / "files").is_dir():
            raise FilesAway("The folder of files is missing.") from None
        return _Condition.ABSENT
    except OSError:
        return _Condition.UNREAD
    except ValueError:
        return _Condition.DAMAGED
    return _Condition.WHOLE if digest.hexdigest() == path.rpartition("/")[2] else _Condition.DAMAGED


def _sample(rows: QuerySet[Any]) -> Iterator[Any]:
    """Pick rows by random keys, because sorting millions of rows at random would take minutes."""
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


def _verify_renditions(capture: Capture) -> int:
    """Make damaged renditions due again, and return how many could not be read."""
    conditions = [_condition_of(path) for name in RENDITIONS if (path := getattr(capture, name))]
    if _Condition.DAMAGED in conditions or _Condition.ABSENT in conditions:
        Capture.objects.filter(pk=capture.pk).update(thumbnail="", preview="")
        schedule(Capture.objects.filter(pk=capture.pk))
    return conditions.count(_Condition.UNREAD)


def _fetch_again(path: str) -> None:
    # Identical files are stored once, so every capture that names this one has lost it.
    rows = Capture.objects.stored().filter(file=path)
    for pk, submission in list(rows.values_list("pk", "submission")):
        moved = move_captures(
            Capture.objects.filter(pk=pk),
            to=Capture.State.PENDING,
            file="",
            failure_reason=Failure.FILE_DAMAGED,
        )
        Submission.objects.filter(pk=submission).update(stored_count=F("stored_count") - moved)
        schedule(Submission.objects.filter(pk=submission))
