"""The viewer's slots: one for every capture, stored or not."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from exams import media_types
from exams.models import Capture

UNPLAYABLE = (
    "This loop could not be re-encoded for browsers. This is its first frame. Download it to see it all."
)
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
    def is_reencoded(self) -> bool:
        """True if a rendition that keeps every pixel or frame is shown in place of the original."""
        return self.show in ("image", "video") and bool(self.capture.display)

    @property
    def frame_times(self) -> str:
        """The times of a loop's frames in milliseconds from the first, separated by commas; "" if unknown."""
        times = self.capture.frame_times_ms or ()
        return ",".join(map(str, times)) if self.show == "video" else ""

    @property
    def size(self) -> tuple[int, int] | None:
        """The width and height at which the capture is shown upright and with square pixels, if known."""
        capture = self.capture
        if not capture.width or not capture.height:
            return None
        wide, high = (int(part) for part in (capture.pixel_aspect or "1:1").split(":"))
        size = (max(1, round(capture.width * wide / high)), capture.height)
        return size[::-1] if capture.rotation % 180 else size

    @property
    def is_being_prepared(self) -> bool:
        """True until a stored image or loop has its preview, or the reason why it gets none."""
        capture = self.capture
        is_stored = capture.state == Capture.State.STORED and capture.not_before is not None
        return is_stored and not capture.thumbnail and not capture.preview_failure

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
    display = reverse("capture_display", args=[capture.uuid]) if is_stored and capture.display else ""
    show = capture.shown_as
    urls = {"image": display or original, "video": display or original, "preview": preview, "none": ""}
    return Slot(
        capture=capture,
        show=show,
        url=urls[show],
        poster=preview if show == "video" else "",
        thumbnail=thumbnail,
        download=f"{original}?download" if original else "",
        reason=_reason(capture, show=show),
    )


def _reason(capture: Capture, *, show: str) -> str:
    if capture.state == Capture.State.FAILED:
        return capture.get_failure_reason_display() or "This capture could not be fetched."
    if capture.state == Capture.State.PENDING:
        return WAITING
    if show == "preview" and (capture.media_type == media_types.MP4 or (capture.frame_count or 1) > 1):
        return UNPLAYABLE
    if show == "none":
        return capture.preview_failure or "Stored as received. The portal cannot display this type of file."
    return capture.preview_failure
