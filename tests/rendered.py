"""Render the sandbox's exams once, since that takes seconds, and copy them for each test sandbox."""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.processes import ROOT

KEPT = ROOT / ".pytest_cache" / "sandbox-exams"


@contextmanager
def rendered_exams(directory: Path) -> Iterator[None]:
    """Put the exams into a sandbox's folder; the first time, keep what the sandbox renders in the block."""
    kept = KEPT / _digest()
    with ExitStack() as stack:
        # Without a writable folder, each sandbox renders its own.
        with suppress(OSError):
            KEPT.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((KEPT / "lock").open("w"))
            # Others wait, since all would render the same files.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if kept.is_dir():
                shutil.copytree(kept, directory / "exams", dirs_exist_ok=True)
                stack.close()
        yield
        if not kept.is_dir():
            _keep(directory / "exams", kept)


def _keep(exams: Path, kept: Path) -> None:
    unfinished = kept.with_suffix(".new")
    with suppress(OSError):
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(exams, unfinished)
        unfinished.rename(kept)


def _digest() -> str:
    """Return a digest of what the files depend on: the code that renders them and the requirements."""
    sources = [*sorted((ROOT / "sandbox" / "seed").glob("*.py")), ROOT / "requirements" / "dev.txt"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
