"""Make a capture's thumbnail and preview in a process of its own: a hostile file costs one preview."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

import exams
from background.leases import Lease, LeaseLost, acquire, finish, holding, release
from exams.models import Capture
from exams.services.verdicts import pause
from exams.storage import DiskFull, NotWritable, full_path, store_upload

SECONDS = 20
DEADLINE_SECONDS = 60
# A file that ends its process thrice is given up.
ATTEMPTS = 3
NO_PREVIEW = "No preview: the file could not be decoded."
_FACTS = frozenset(
    {
        "width",
        "height",
        "frame_count",
        "duration_ms",
        "is_lossy",
        "codec",
        "colour_model",
        "pixel_aspect",
        "rotation",
    }
)
_ROOT = Path(exams.__file__).resolve().parent.parent


class _NoPreview(Exception):
    """The file has no preview, for the reason in the message."""


def preview_capture(*, pk: int) -> None:
    """Make the preview of one stored capture; does nothing when another worker holds it."""
    lease = acquire(model=Capture, pk=pk)
    if lease is None:
        return
    capture = Capture.objects.get(pk=pk)
    if capture.state != Capture.State.STORED or capture.kind == Capture.Kind.OTHER:
        finish(lease=lease)
        return
    if lease.attempt > ATTEMPTS:
        finish(lease=lease, preview_failure=NO_PREVIEW)
        return
    try:
        with holding(lease=lease, deadline_seconds=DEADLINE_SECONDS):
            _work(capture=capture, lease=lease)
    except LeaseLost:
        return


def _work(*, capture: Capture, lease: Lease) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="preview-") as folder:
            facts = _decode(source=full_path(capture.file), folder=Path(folder))
            thumbnail = _store(Path(folder) / "thumbnail.jpg")
            preview = _store(Path(folder) / "preview.jpg")
    except _NoPreview as error:
        finish(lease=lease, preview_failure=str(error))
    except (DiskFull, NotWritable):
        later = pause(now=timezone.now(), since=capture.first_tried_at)
        release(lease=lease, not_before=later, count_attempt=False)
    else:
        with transaction.atomic():
            finish(lease=lease, thumbnail=thumbnail, preview=preview, preview_failure="", **facts)


def _decode(*, source: Path, folder: Path) -> dict[str, Any]:
    if not source.is_file():
        raise _NoPreview("No preview: the file is missing.")
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "exams.decoding", str(source), str(folder)],
            cwd=_ROOT,
            # Neither keys nor addresses of the portal reach the process that opens foreign files.
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _NoPreview("No preview: decoding took too long.") from None
    if done.returncode:
        raise _NoPreview(NO_PREVIEW)
    try:
        facts = json.loads(done.stdout)
    except ValueError:
        raise _NoPreview(NO_PREVIEW) from None
    return {name: value for name, value in facts.items() if name in _FACTS}


def _store(rendition: Path) -> str:
    return store_upload([rendition.read_bytes()]).path
