"""Static files: collected under names that contain their hash, and compressed."""

import fcntl
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import brotli
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

from portal.apps import StaticFilesConfig

# Beside the files: what they were made from.
STAMP = "collected.sha256"
# The best quality takes six times as long and saves a twentieth.
BROTLI_QUALITY = 9


class QuickCompressor(Compressor):
    """Compresses fast enough for the start of a server."""

    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        """Return the data compressed with brotli."""
        return bytes(brotli.compress(data, quality=BROTLI_QUALITY))


class StaticFiles(CompressedManifestStaticFilesStorage):
    """The collected files. Pages name each by a name with its hash; only these are compressed."""

    def post_process(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Hash and compress what was collected, then write down what it was made from."""
        yield from super().post_process(*args, **options)
        Path(self.path(STAMP)).write_text(_digest())

    def create_compressor(self, **options: Any) -> Compressor:
        """Return what compresses the files."""
        return QuickCompressor(**options)

    def compress_files(self, paths: Iterable[str]) -> Iterator[Any]:
        """Compress those of the files that have their hash in their names."""
        return super().compress_files(set(paths) & set(self.hashed_files.values()))


def collect_static_files() -> None:
    """Collect the static files unless those in `STATIC_ROOT` are current; raises CommandError."""
    folder = Path(settings.STATIC_ROOT)
    if _is_current(folder):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Several servers may start at the same time.
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_current(folder):
                call_command("collectstatic", interactive=False, verbosity=0)
    except OSError as error:
        raise CommandError(
            f"The static files cannot be written to {folder} ({error.strerror}). "
            "Set STATIC_ROOT to a folder that can be written to."
        ) from error


def _is_current(folder: Path) -> bool:
    try:
        return (folder / STAMP).read_text() == _digest()
    except FileNotFoundError:
        return False


def _digest() -> str:
    """Return a digest of the names and contents of the static files of all installed packages."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list(StaticFilesConfig.ignore_patterns):
            digest.update(f"\0{name}\0".encode())
            digest.update(Path(storage.path(name)).read_bytes())
    return digest.hexdigest()
