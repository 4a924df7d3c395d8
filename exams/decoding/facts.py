"""Facts that decoders return, and renditions that they write."""

from pathlib import Path
from typing import TypedDict

from PIL import Image

# The longer side; a thumbnail stays sharp on dense screens.
THUMBNAIL_PIXELS = 320
PREVIEW_PIXELS = 1600
# Far more than a scanner makes, and within the memory limit.
MOST_PIXELS = 50_000_000
# JPEG quality without visible loss in grey pictures.
QUALITY = 85


class Unreadable(Exception):
    """The file cannot be decoded, or exceeds a limit."""


class Facts(TypedDict, total=False):
    """Facts about a file; width and height are those before the picture is turned by `rotation`."""

    width: int
    height: int
    frame_count: int
    frame_times_ms: list[int]
    duration_ms: int
    is_lossy: bool
    codec: str
    colour_model: str
    pixel_aspect: str
    rotation: int
    page_count: int


def require_size(width: int, height: int) -> None:
    """Raise Unreadable for a picture without pixels or with too many."""
    if not 0 < width * height <= MOST_PIXELS:
        raise Unreadable("The picture has too many pixels to be shown.")


def write_renditions(*, picture: Image.Image, folder: Path) -> None:
    """Write thumbnail.jpg and preview.jpg of an upright picture with square pixels."""
    flat = picture.convert("RGB")
    for name, most in (("preview", PREVIEW_PIXELS), ("thumbnail", THUMBNAIL_PIXELS)):
        small = flat.copy()
        small.thumbnail((most, most), Image.Resampling.LANCZOS)
        small.save(folder / f"{name}.jpg", format="JPEG", quality=QUALITY)
