"""What a decoder finds out, and the renditions it writes."""

from pathlib import Path
from typing import TypedDict

from PIL import Image

THUMBNAIL_PIXELS = 320
PREVIEW_PIXELS = 1600
MOST_PIXELS = 50_000_000
QUALITY = 85


class Unreadable(Exception):
    """The file cannot be decoded, or is larger than what is decoded."""


class Facts(TypedDict, total=False):
    """Width and height are those of the stored picture, which is turned clockwise by `rotation`."""

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
    """Raise Unreadable for a picture of no or too many pixels."""
    if not 0 < width * height <= MOST_PIXELS:
        raise Unreadable("The picture has too many pixels to be shown.")


def write_renditions(*, picture: Image.Image, folder: Path) -> None:
    """Write thumbnail.jpg and preview.jpg of an upright picture with square pixels."""
    flat = picture.convert("RGB")
    for name, most in (("preview", PREVIEW_PIXELS), ("thumbnail", THUMBNAIL_PIXELS)):
        small = flat.copy()
        small.thumbnail((most, most), Image.Resampling.LANCZOS)
        small.save(folder / f"{name}.jpg", format="JPEG", quality=QUALITY)
