"""Points between the first byte of a file and its row at which a worker may die."""

import os
import stat
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

from exams.services.fetch import job
from exams.storage import NewFile

EXIT_CODE = 86
Call = Callable[..., Any]


def _after(call: Call, *arguments: Any, **options: Any) -> None:
    call(*arguments, **options)
    os._exit(EXIT_CODE)


def _in_the_middle(write: Call, file: NewFile, chunk: bytes) -> None:
    write(file, chunk[: len(chunk) // 2])
    os._exit(EXIT_CODE)


def _before_the_sync(sync: Call, descriptor: int) -> None:
    # Folders are synced as well: when they are created, and after the file is renamed.
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os._exit(EXIT_CODE)
    sync(descriptor)


def _before(call: Call, *arguments: Any, **options: Any) -> None:
    os._exit(EXIT_CODE)


def _in_the_transaction(move: Call, *arguments: Any, to: str, **fields: Any) -> None:
    moved = move(*arguments, to=to, **fields)
    os._exit(EXIT_CODE if moved else 1)


POINTS: dict[str, tuple[Any, str, Call]] = {
    "opened": (tempfile, "mkstemp", _after),
    "partly written": (NewFile, "write", _in_the_middle),
    "written": (os, "fsync", _before_the_sync),
    "synced": (os, "replace", _before),
    "named": (os, "replace", _after),
    "not committed": (job, "move_captures", _in_the_transaction),
}


def die_at(point: str) -> None:
    """End this process when it comes to that point."""
    owner, name, instead = POINTS[point]
    original = getattr(owner, name)
    if isinstance(owner, type):

        def method(self: Any, *arguments: Any) -> None:
            instead(original, self, *arguments)

        setattr(owner, name, method)
    else:
        setattr(owner, name, partial(instead, original))
