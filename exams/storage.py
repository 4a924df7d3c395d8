"""Private files under `MEDIA_ROOT`, named by their SHA-256: the same bytes are stored once."""

import errno
import hashlib
import io
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from exams.media_types import HEAD_BYTES, is_whole, media_type_of

# Bytes of one write.
STEP = 1 << 18
# Bytes after which the disk is asked to begin writing, before the file is complete.
AHEAD = 1 << 24
# Chunks that wait for a write: many tiny ones would take far more memory than their bytes.
PIECES = 256
TEMPORARY = "tmp"
_PATH = re.compile(r"files/[0-9a-f]{2}/[0-9a-f]{64}")
_FULL = {errno.ENOSPC, errno.EDQUOT}


class DiskFull(Exception):
    """There is not enough room for files."""


class NotWritable(Exception):
    """The folder of files cannot be written to."""


@dataclass(frozen=True)
class StoredFile:
    """A durably stored file; `path` is relative to the store, and `media_type` is read from its bytes."""

    path: str
    sha256: str
    size: int
    media_type: str


def root() -> Path:
    """Return the folder of all files."""
    return Path(settings.MEDIA_ROOT)


def full_path(path: str) -> Path:
    """Return the full path of a stored file; raises ValueError for a path that this store did not make."""
    if not _PATH.fullmatch(path):
        raise ValueError("Not a path of this store.")
    return root() / path


def open_file(path: str) -> BinaryIO:
    """Open a stored file to read; raises FileNotFoundError and ValueError."""
    return full_path(path).open("rb")


def size(path: str) -> int:
    """Return a stored file's size in bytes; raises FileNotFoundError and ValueError."""
    return full_path(path).stat().st_size


def require_room() -> None:
    """Raise DiskFull if less than `MIN_FREE_MB` is free; may raise NotWritable."""
    with _disk_errors():
        free = shutil.disk_usage(_made(str(settings.MEDIA_ROOT))).free
    if free < settings.MIN_FREE_MB << 20:
        raise DiskFull("Less room is left than MIN_FREE_MB asks for.")


class NewFile:
    """A file that is written under a temporary name; `commit_files` makes it durable and renames it."""

    def __init__(self) -> None:
        """Begin the file; raises DiskFull and NotWritable."""
        with _disk_errors():
            descriptor, self._name = tempfile.mkstemp(dir=_made(f"{settings.MEDIA_ROOT}/{TEMPORARY}"))
        self._file = io.FileIO(descriptor, "wb")
        self._is_committed = False
        self._ahead = 0
        self._hash = hashlib.sha256()
        # Chunks from a socket are small, and each write lets other threads run first.
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self.size = 0
        self.head = b""

    def write(self, chunk: bytes) -> None:
        """Append bytes, which may be buffered; raises DiskFull and NotWritable."""
        self._waiting.append(chunk)
        self._waiting_size += len(chunk)
        self.size += len(chunk)
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        if self._waiting_size >= STEP or len(self._waiting) >= PIECES:
            self.flush()

    def flush(self) -> None:
        """Write buffered bytes; raises DiskFull and NotWritable."""
        whole = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting, self._waiting_size = [], 0
        self._hash.update(whole)
        rest = memoryview(whole)
        with _disk_errors():
            # An unbuffered write may take only a part, but leaves nothing that could fail on close.
            while rest:
                rest = rest[self._file.write(rest) :]
        # Begin writing a large file to the disk while the rest arrives, so that its sync is short.
        fresh = self.size - self._ahead
        if fresh >= AHEAD and hasattr(os, "posix_fadvise"):
            # This is advice only: the sync reports any problem with the bytes themselves.
            with suppress(OSError):
                os.posix_fadvise(self._file.fileno(), self._ahead, fresh, os.POSIX_FADV_DONTNEED)
            self._ahead = self.size

    @property
    def media_type(self) -> str:
        """The media type of the bytes written so far."""
        return media_type_of(self.head)

    def is_whole(self) -> bool:
        """Return whether the bytes so far are complete, as far as their format shows; raises like `write`."""
        self.flush()
        with _disk_errors(), open(self._name, "rb") as file:
            return is_whole(file, media_type=self.media_type, size=self.size)

    def discard(self) -> None:
        """Delete the file unless it was committed; may be called twice."""
        with suppress(OSError):
            self._file.close()
        if not self._is_committed:
            # An error here, as on a disk that became read-only, must not hide the original one. Maintenance
            # deletes the file after a day.
            with suppress(OSError):
                os.unlink(self._name)

    def _commit(self) -> tuple[StoredFile, str]:
        """Sync the bytes, rename the file, and return it with the folder that must be synced as well."""
        self.flush()
        sha256 = self._hash.hexdigest()
        path = f"files/{sha256[:2]}/{sha256}"
        folder = f"{settings.MEDIA_ROOT}/files/{sha256[:2]}"
        with _disk_errors():
            os.fsync(self._file.fileno())
            # Replaces a file of the same bytes, which resets its age for the cleaner.
            os.replace(self._name, f"{_made(folder)}/{sha256}")
        self._is_committed = True
        self.discard()
        return StoredFile(path=path, sha256=sha256, size=self.size, media_type=self.media_type), folder


def commit_files(files: Sequence[NewFile]) -> list[StoredFile | DiskFull | NotWritable]:
    """Make files durable together, and return for each the stored file or the error.

    File systems write their journal once for all waiting files, so several take little longer than one.
    """
    outcomes: list[StoredFile | DiskFull | NotWritable] = []
    renamed: dict[str, list[int]] = defaultdict(list)
    for file in files:
        try:
            stored, folder = file._commit()
            renamed[folder].append(len(outcomes))
            outcomes.append(stored)
        except (DiskFull, NotWritable) as error:
            file.discard()
            outcomes.append(error)
    for folder, places in renamed.items():
        try:
            with _disk_errors():
                _sync(folder)
        except (DiskFull, NotWritable) as error:
            for place in places:
                outcomes[place] = error
    return outcomes


def put_back(aside: Path, path: str) -> None:
    """Durably move a file that was moved aside back to its stored path, unless that exists."""
    to = full_path(path)
    folder = _made(str(to.parent))
    with suppress(FileExistsError):
        os.link(aside, to)
    _sync(folder)
    aside.unlink()


def store_upload(chunks: Iterable[bytes]) -> StoredFile:
    """Store a whole body; raises DiskFull and NotWritable."""
    require_room()
    new = NewFile()
    try:
        for chunk in chunks:
            new.write(chunk)
        (outcome,) = commit_files([new])
    finally:
        new.discard()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _made(folder: str) -> str:
    """Return the folder, and create it durably if it is missing."""
    if not os.path.isdir(folder):
        parent = _made(os.path.dirname(folder))
        Path(folder).mkdir(exist_ok=True, mode=0o700)
        _sync(parent)
    return folder


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull("The disk is full.") from error
        raise NotWritable(f"The folder of files cannot be written to (error {error.errno}).") from error
