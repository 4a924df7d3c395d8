"""The sandbox's exams take seconds to render: it is done once, and each sandbox of the tests gets a copy."""

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
    kept = KEPT / _recipe()
    with ExitStack() as stack:
        # Where nothing can be kept, each sandbox renders its own.
        with suppress(OSError):
            KEPT.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((KEPT / "lock").open("w"))
            # Others wait: all would render the same.
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


def _recipe() -> str:
    """Name what the files come from: the code that draws them, and the versions that are installed."""
    sources = [*sorted((ROOT / "sandbox" / "seed").glob("*.py")), ROOT / "requirements" / "dev.txt"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
