"""Hash stored files again, so that damaged and missing files are found and replaced.

A capture is fetched again; its renditions and the page pictures of a report are made again from the original.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Min, QuerySet

from accounts.services.alerts import alert_administrators
from audit.entries import add_entry
from background.due import schedule
from exams.models import Capture, PageRendering, Report, Submission
from exams.services.maintenance.cleaning import find_unknown_files
from exams.services.transitions import move_captures
from exams.states import Failure
from exams.storage import open_file, root

# About a minute of reading on a slow disk.
SAMPLE_BYTES = 4 << 30
# Bytes read at a time.
STEP = 1 << 20
RENDITIONS = ("thumbnail", "preview", "display")


class FilesAway(OSError):
    """All files are missing, probably because their disk is not mounted; none of them counts as damaged."""


class _Condition(StrEnum):
    WHOLE = "whole"
    DAMAGED = "damaged"
    ABSENT = "missing"
    # The disk or the system failed, so the bytes are unknown.
    UNREAD = "cannot be read"


BROKEN = (_Condition.DAMAGED, _Condition.ABSENT)
# Takes a line about one file, with its state, its row and its path.
Tell = Callable[[str], None]


@dataclass
class Verified:
    """Counts of originals that were hashed and that are damaged or missing, and of all other finds.

    `remade` counts damaged or missing renditions and page pictures, `unknown` files that no row names.
    """

    checked: int = 0
    damaged: int = 0
    remade: int = 0
    unread: int = 0
    unknown: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every file that a row names is there as it was stored."""
        return not (self.damaged or self.remade or self.unread)

    def __str__(self) -> str:
        others = (
            (self.remade, "previews or pages damaged"),
            (self.unread, "could not be read"),
            (self.unknown, "unknown"),
        )
        more = "".join(f", {count} {what}" for count, what in others if count)
        return f"{self.checked} files checked, {self.damaged} damaged{more}"


@dataclass
class _Verification:
    """One pass over rows; an absent file counts as damaged only if others show that the disk is mounted."""

    is_everything: bool
    is_dry: bool
    tell: Tell
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
        if condition is not _Condition.WHOLE:
            self.tell(f"{condition}: {type(row).__name__.lower()} {row.uuid}, {row.file}")
        if condition is _Condition.UNREAD:
            self.result.unread += 1
            return
        self.result.checked += 1
        self._verify_made(row, condition)
        if condition is _Condition.WHOLE:
            return
        self.result.damaged += 1
        if self.is_dry:
            return
        with transaction.atomic():
            add_entry(action="file.damaged", outcome="failed", target=row)
            if isinstance(row, Capture):
                _fetch_again(row.file)

    def _verify_made(self, row: Any, original: _Condition) -> None:
        """Verify the pictures that were made from an original, and make damaged ones due again."""
        made = _pictures_of(row)
        conditions = {name: _condition_of(path) for name, path in made.items()}
        for name, condition in conditions.items():
            if condition is not _Condition.WHOLE:
                self.tell(f"{condition}: {name} of {type(row).__name__.lower()} {row.uuid}, {made[name]}")
        self.result.unread += sum(each is _Condition.UNREAD for each in conditions.values())
        broken = sum(each in BROKEN for each in conditions.values())
        self.result.remade += broken
        if not broken or self.is_dry:
            return
        if isinstance(row, Capture):
            Capture.objects.filter(pk=row.pk).update(**dict.fromkeys(RENDITIONS, ""))
            schedule(Capture.objects.filter(pk=row.pk))
        elif original is _Condition.WHOLE:
            # Pages are made while their number is unknown.
            Report.objects.filter(pk=row.pk).update(page_count=None)
            schedule(PageRendering.objects.filter(report=row))


def verify_files(
    *,
    is_everything: bool = False,
    is_dry: bool = False,
    check: Callable[[], None] = lambda: None,
    tell: Tell = lambda line: None,
) -> Verified:
    """Hash a sample of the stored files, or all of them; captures, renditions and pages are replaced.

    `check` is called between files and may raise. `tell` gets a line about each file that is not whole and,
    if everything is verified, about each file that no row names. A dry run changes and mails nothing.
    Raises FilesAway if most files are missing.
    """
    verification = _Verification(is_everything=is_everything, is_dry=is_dry, tell=tell)
    rows: tuple[QuerySet[Any], ...] = (Capture.objects.stored(), Report.objects.all())
    try:
        # This comes first: below, rows stop naming the files that are made again.
        for name in find_unknown_files() if is_everything else ():
            verification.result.unknown += 1
            tell(f"unknown: {name}")
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
        if not is_dry:
            alert_administrators(subject="Stored files are unavailable", body=f"{error} Nothing was changed.")
        raise
    finally:
        # Damage found before an interruption is not found a second time.
        if not is_dry:
            _alert(verification.result)
    return verification.result


def _alert(result: Verified) -> None:
    if result.damaged:
        alert_administrators(
            subject="Stored files are damaged",
            body=f"{result}. The audit log names them (file.damaged). Captures are fetched again from "
            "Clarius Cloud. Restore damaged reports from a backup, and check the disk.",
        )
    elif result.remade:
        alert_administrators(
            subject="Stored pictures are damaged",
            body=f"{result}. They are made again from the originals. Check the disk.",
        )
    elif result.unread:
        alert_administrators(
            subject="Stored files could not be read",
            body=f"{result}. They were not changed, and will be checked again later. Check the disk.",
        )


def _pictures_of(row: Any) -> dict[str, str]:
    """Return the paths of the pictures that were made from a row's original, by what they are."""
    if isinstance(row, Capture):
        return {name: path for name in RENDITIONS if (path := getattr(row, name))}
    return {f"page {page.number}": page.file for page in row.pages.all()}


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
