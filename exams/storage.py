"""Private files under `MEDIA_ROOT`, named by their SHA-256: the same bytes are stored once."""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from exams.media_types import HEAD_BYTES, is_whole, media_type_of

_PATH = re.compile(r"files/[0-9a-f]{2}/[0-9a-f]{64}")
_FULL = {errno.ENOSPC, errno.EDQUOT}


class DiskFull(Exception):
    """There is not enough room for files; nothing else is wrong."""


class NotWritable(Exception):
    """The folder of files takes no new file."""


@dataclass(frozen=True)
class StoredFile:
    """A file that is durably stored; `path` is relative to the store, `media_type` comes from its bytes."""

    path: str
    sha256: str
    size: int
    media_type: str


def root() -> Path:
    """Return the folder of all files."""
    return Path(settings.MEDIA_ROOT)


def full_path(path: str) -> Path:
    """Return where a stored path lies; raises ValueError for one that this store did not make."""
    if not _PATH.fullmatch(path):
        raise ValueError("Not a path of this store.")
    return root() / path


def open_file(path: str) -> BinaryIO:
    """Open a stored file to read; raises FileNotFoundError and ValueError."""
    return full_path(path).open("rb")


def size(path: str) -> int:
    """Return a stored file's size in bytes; raises FileNotFoundError and ValueError."""
    return full_path(path).stat().st_size


def require_room(*, wanted: int = 0) -> None:
    """Raise DiskFull when `wanted` bytes would leave less than `MIN_FREE_MB`, NotWritable for no folder."""
    with _disk_errors():
        free = shutil.disk_usage(_folder(root())).free
    if free - wanted < settings.MIN_FREE_MB << 20:
        raise DiskFull("Less room is left than MIN_FREE_MB asks for.")


class NewFile:
    """A file being written under a temporary name; `commit` makes it durable and gives it its own."""

    def __init__(self, *, file: FileIO, name: str) -> None:
        self._file, self._name = file, name
        self._hash = hashlib.sha256()
        self.size = 0
        self.head = b""

    def write(self, chunk: bytes) -> None:
        """Append bytes; raises DiskFull and NotWritable."""
        rest = memoryview(chunk)
        with _disk_errors():
            # An unbuffered write may take a part only; nothing is left in a buffer to fail on close.
            while rest:
                rest = rest[self._file.write(rest) :]
        self._hash.update(chunk)
        self.size += len(chunk)
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]

    @property
    def media_type(self) -> str:
        """The type that the bytes written so far show."""
        return media_type_of(self.head)

    def is_whole(self) -> bool:
        """Tell whether the bytes written so far are complete, as far as their format can show."""
        with open(self._name, "rb") as file:
            return is_whole(file, media_type=self.media_type, size=self.size)

    def commit(self) -> StoredFile:
        """Sync the bytes, rename, sync the folder; raises DiskFull and NotWritable."""
        sha256 = self._hash.hexdigest()
        path = f"files/{sha256[:2]}/{sha256}"
        with _disk_errors():
            os.fsync(self._file.fileno())
            folder = _folder(full_path(path).parent)
            # Replaces a file of the same bytes, so that its age begins anew for whoever cleans up.
            os.replace(self._name, full_path(path))
            _sync(folder)
        return StoredFile(path=path, sha256=sha256, size=self.size, media_type=self.media_type)


@contextmanager
def new_file() -> Iterator[NewFile]:
    """Begin a file that is gone again unless it is committed; raises DiskFull and NotWritable."""
    with _disk_errors():
        descriptor, name = tempfile.mkstemp(dir=_folder(root() / "tmp"))
    file = FileIO(descriptor, "wb")
    try:
        yield NewFile(file=file, name=name)
    finally:
        file.close()
        with suppress(FileNotFoundError):
            os.unlink(name)


def store_upload(chunks: Iterable[bytes]) -> StoredFile:
    """Store a whole body; raises DiskFull and NotWritable."""
    require_room()
    with new_file() as new:
        for chunk in chunks:
            new.write(chunk)
        return new.commit()


def _folder(path: Path) -> Path:
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sync(path.parent)
    return path


def _sync(folder: Path) -> None:
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
