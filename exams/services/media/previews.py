"""Make a submission's thumbnails and previews in a separate process: a hostile file costs one preview.

Its limits are in `exams.decoding.limits`, its time in `decoder`.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from background.backoff import Backoff
from background.due import is_due
from background.leases import Hold
from background.runner import Done, Job, Later, Outcome, run
from exams import media_types
from exams.models import Capture
from exams.services.media.decoder import CannotDecode, Decoder, DecoderLost, decode_file
from exams.storage import DiskFull, NotWritable, full_path, store_upload

DISPLAYS = ((".png", media_types.PNG), (".mp4", media_types.MP4))
NO_PREVIEW = "No preview: the file could not be decoded."
# Columns that the decoder may set; it handles untrusted files, so anything else is ignored.
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
    """Make the preview of one capture, then those of its submission's other due captures.

    They share one decoding process and one thread, however many they are.
    """
    captures = Capture.objects.filter(submission__captures=pk)
    # Another thread may be at the same submission; each leases what it decodes. Turned away, the rest would
    # be due with nobody to acquire it: the watchdog and the dispatcher would see a worker that stands still.
    with Decoder() as decoder:
        job = replace(PREVIEW, work=partial(_make_preview, decode=decoder.decode))
        following: int | None = pk
        while following is not None and run(job, pk=following):
            following = captures.filter(is_due()).values_list("pk", flat=True).first()


def _make_preview(
    capture: Capture, hold: Hold, *, decode: Callable[..., dict[str, Any]] = decode_file
) -> Outcome:
    try:
        with tempfile.TemporaryDirectory(prefix="preview-") as folder:
            found = decode(source=full_path(capture.file), folder=Path(folder), otherwise=NO_PREVIEW)
            facts = {name: value for name, value in found.items() if name in _FACTS}
            thumbnail = _store_rendition(Path(folder) / "thumbnail.jpg")
            preview = _store_rendition(Path(folder) / "preview.jpg")
            shown = [(Path(folder) / f"display{ending}", kind) for ending, kind in DISPLAYS]
            display, display_type = next(
                ((_store_rendition(path), kind) for path, kind in shown if path.exists()), ("", "")
            )
    except CannotDecode as error:
        return Done({"preview_failure": str(error)})
    except DecoderLost:
        return Later(Backoff(), counts=True)
    except (DiskFull, NotWritable):
        return Later(Backoff())
    renditions = {"thumbnail": thumbnail, "preview": preview}
    renditions |= {"display": display, "display_type": display_type}
    return Done(facts | renditions | {"preview_failure": ""})


def _store_rendition(rendition: Path) -> str:
    return store_upload([rendition.read_bytes()]).path


PREVIEW = Job(
    name="exams.preview_capture",
    model=Capture,
    work=_make_preview,
    # The decoder has its own time limit; this leaves room for storing the renditions.
    deadline=timedelta(minutes=1),
    # A file that ends its process three times is given up.
    tries=3,
    applies=lambda capture: capture.state == Capture.State.STORED and capture.kind != Capture.Kind.OTHER,
    exhausted=lambda capture, hold, last: Done({"preview_failure": NO_PREVIEW}),
    is_limited=True,
    entry=preview_capture,
)
