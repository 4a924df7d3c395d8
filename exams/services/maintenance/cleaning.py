"""Delete orphaned files (no row names them) and abandoned temporary files, after a day.

Rows are deleted where they are made: notification records in
`integrations.services.records.notification_records`.
"""

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from pathlib import Path

from exams.models import Capture, Report, ReportPage
from exams.storage import TEMPORARY, put_back, root

# A file that is being removed: its hash, and a suffix of the process that removes it.
ASIDE = re.compile(r"orphan-([0-9a-f]{64})\.[0-9a-f]+")
# Longer than any upload or fetch takes between writing a file and saving its row.
KEEP = timedelta(hours=24)
# Names looked up in one query; SQLite limits the number of parameters.
BATCH = 500


def collect_files(*, older_than: timedelta = KEEP) -> int:
    """Delete orphaned and temporary files of at least this age, and return how many."""
    before = time.time() - older_than.total_seconds()
    count = sum(_remove(path, before) for path in _leftovers())
    return count + sum(_remove_orphan(name, root() / name, before) for name in find_unknown_files())


def find_unknown_files() -> Iterator[str]:
    """Yield the names of stored files that no row names; some of them may still get a row."""
    paths = _files("files")
    while batch := list(islice(paths, BATCH)):
        names = [str(path.relative_to(root())) for path in batch]
        yield from sorted(set(names) - _named(names))


def _leftovers() -> Iterator[Path]:
    """Yield temporary files; a named file that a dead process had moved aside is put back instead."""
    taken = ((path, ASIDE.fullmatch(path.name)) for path in _files(TEMPORARY))
    names = {path: f"files/{found[1][:2]}/{found[1]}" for path, found in taken if found}
    named = _named(list(set(names.values())))
    for path in _files(TEMPORARY):
        if names.get(path) in named:
            # Another cleaner may be faster, and a full disk may have room tomorrow.
            with suppress(OSError):
                put_back(path, names[path])
        else:
            yield path


def _files(folder: str) -> Iterator[Path]:
    for parent, _, names in os.walk(root() / folder):
        yield from (Path(parent) / name for name in names)


def _named(paths: list[str]) -> set[str]:
    used: set[str] = set()
    for field in ("file", "thumbnail", "preview", "display"):
        used |= set(Capture.objects.filter(**{f"{field}__in": paths}).values_list(field, flat=True))
    for model in (Report, ReportPage):
        used |= set(model._base_manager.filter(file__in=paths).values_list("file", flat=True))
    return used


def _remove(path: Path, before: float) -> int:
    with suppress(FileNotFoundError):
        if path.stat().st_mtime <= before:
            path.unlink()
            return 1
    return 0


def _remove_orphan(name: str, path: Path, before: float) -> int:
    """Remove a file unless the same bytes are stored again meanwhile."""
    # A unique name, so that another cleaner does not remove the file that this one has moved.
    aside = root() / TEMPORARY / f"orphan-{path.name}.{secrets.token_hex(8)}"
    with suppress(FileNotFoundError):
        if path.stat().st_mtime > before:
            return 0
        aside.parent.mkdir(exist_ok=True)
        # Moved aside first: from here on, a process that stores the same bytes creates a new file.
        path.rename(aside)
        if aside.stat().st_mtime > before or _named([name]):
            put_back(aside, name)
            return 0
        aside.unlink()
        return 1
    return 0
