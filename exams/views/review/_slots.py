"""The viewer's slots: one for every capture, stored or not."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from exams import media_types
from exams.models import Capture

WAITING = "Waiting to be fetched."


@dataclass(frozen=True)
class Slot:
    """One capture in the viewer; `show` is "image", "video", "preview" or "none"."""

    capture: Capture
    show: str
    url: str
    poster: str
    thumbnail: str
    download: str
    reason: str

    @property
    def is_lossy(self) -> bool:
        """True if the Cloud sent the capture with lossy compression."""
        return bool(self.capture.is_lossy)

    @property
    def is_listed(self) -> bool:
        """True if the Cloud listed the capture in its last answer."""
        return self.capture.is_listed


def list_slots(captures: Iterable[Capture]) -> list[Slot]:
    """Return the slots in the order in which the Cloud lists the captures."""
    return [_slot(each) for each in captures]


def _slot(capture: Capture) -> Slot:
    is_stored = capture.state == Capture.State.STORED
    original = reverse("capture_file", args=[capture.uuid]) if is_stored else ""
    preview = reverse("capture_preview", args=[capture.uuid]) if is_stored and capture.preview else ""
    thumbnail = reverse("capture_thumbnail", args=[capture.uuid]) if is_stored and capture.thumbnail else ""
    show, url = _shown(capture, original=original, preview=preview)
    return Slot(
        capture=capture,
        show=show,
        url=url,
        poster=preview if show == "video" else "",
        thumbnail=thumbnail,
        download=f"{original}?download" if original else "",
        reason=_reason(capture, show=show),
    )


def _shown(capture: Capture, *, original: str, preview: str) -> tuple[str, str]:
    if not original:
        return "none", ""
    if capture.media_type in (media_types.JPEG, media_types.PNG):
        return "image", original
    if capture.media_type == media_types.MP4:
        return "video", original
    return ("preview", preview) if preview else ("none", "")


def _reason(capture: Capture, *, show: str) -> str:
    if capture.state == Capture.State.FAILED:
        return capture.get_failure_reason_display() or "This capture could not be fetched."
    if capture.state == Capture.State.PENDING:
        return WAITING
    if show == "none":
        return capture.preview_failure or "Stored as received. The portal cannot display this type of file."
    return capture.preview_failure
