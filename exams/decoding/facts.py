"""Facts that decoders return, and renditions that they write."""

import struct
from pathlib import Path
from typing import TypedDict

import av
from PIL import Image, UnidentifiedImageError

from exams.decoding import Problem

# The longer side; a thumbnail stays sharp on dense screens.
THUMBNAIL_PIXELS = 320
PREVIEW_PIXELS = 1600
# Far more than a scanner makes, and within the memory limit.
MOST_PIXELS = 50_000_000
# JPEG quality without visible loss in grey pictures.
QUALITY = 85
# Exceptions of the libraries at damaged and hostile files.
ERRORS = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    av.FFmpegError,
    ArithmeticError,
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    LookupError,
    StopIteration,
    MemoryError,
    struct.error,
)


class Unreadable(Exception):
    """The file cannot be decoded, or exceeds a limit."""

    def __init__(self, problem: Problem, cause: Exception | None = None) -> None:
        super().__init__(problem.name, type(cause).__name__)
        self.problem = problem


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
    # Pages of which the picture shows a sentence instead, from 1.
    hidden_pages: list[int]


def require_size(width: int, height: int) -> None:
    """Raise Unreadable for a picture without pixels or with too many."""
    if width <= 0 or height <= 0:
        raise Unreadable(Problem.UNREADABLE)
    if width * height > MOST_PIXELS:
        raise Unreadable(Problem.TOO_MANY_PIXELS)


def write_renditions(*, picture: Image.Image, folder: Path) -> None:
    """Write thumbnail.jpg and preview.jpg of an upright picture with square pixels."""
    flat = picture.convert("RGB")
    for name, most in (("preview", PREVIEW_PIXELS), ("thumbnail", THUMBNAIL_PIXELS)):
        small = flat.copy()
        small.thumbnail((most, most), Image.Resampling.LANCZOS)
        small.save(folder / f"{name}.jpg", format="JPEG", quality=QUALITY)


def with_square_pixels(picture: Image.Image, facts: Facts) -> Image.Image:
    """Return the picture as wide as it is meant to be seen; raises Unreadable."""
    if "pixel_aspect" not in facts:
        return picture
    wide, high = (int(part) for part in facts["pixel_aspect"].split(":"))
    width = max(1, round(picture.width * wide / high))
    require_size(width, picture.height)
    return picture.resize((width, picture.height), Image.Resampling.BILINEAR)
