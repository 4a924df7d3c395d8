"""Make a capture's thumbnail and preview in a process of its own: a hostile file costs one preview."""

import tempfile
from pathlib import Path

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from background.leases import Lease, LeaseLost, acquire, finish, holding, release
from exams.models import Capture
from exams.services.decoder import CannotDecode, decode_file
from exams.services.verdicts import pause
from exams.storage import DiskFull, NotWritable, full_path, store_upload

DEADLINE_SECONDS = 60
# A file that ends its process thrice is given up.
ATTEMPTS = 3
NO_PREVIEW = "No preview: the file could not be decoded."
_FACTS = frozenset(
    {
        "width",
        "height",
        "frame_count",
        "frame_times_ms",
        "duration_ms",
        "is_lossy",
        "codec",
        "colour_model",
        "pixel_aspect",
        "rotation",
    }
)


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
            found = decode_file(source=full_path(capture.file), folder=Path(folder), otherwise=NO_PREVIEW)
            facts = {name: value for name, value in found.items() if name in _FACTS}
            thumbnail = _store(Path(folder) / "thumbnail.jpg")
            preview = _store(Path(folder) / "preview.jpg")
    except CannotDecode as error:
        finish(lease=lease, preview_failure=str(error))
    except (DiskFull, NotWritable):
        later = pause(now=timezone.now(), since=capture.first_tried_at)
        # Kept, so that a full disk is tried ever less often.
        since = F("first_tried_at")
        release(lease=lease, not_before=later, count_attempt=False, first_tried_at=since)
    else:
        with transaction.atomic():
            finish(lease=lease, thumbnail=thumbnail, preview=preview, preview_failure="", **facts)


def _store(rendition: Path) -> str:
    return store_upload([rendition.read_bytes()]).path
