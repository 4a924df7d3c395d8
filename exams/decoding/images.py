"""Decode still images, and pictures that move without being a video, whatever the file claims to be."""

import math
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence

from exams.decoding import Problem
from exams.decoding.facts import (
    ERRORS,
    Facts,
    Unreadable,
    require_size,
    with_square_pixels,
    write_renditions,
)
from exams.decoding.loops import write_loop
from exams.media_types import PNG_SIGN

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
# Every browser shows the first picture of these as it is.
SHOWN = {"JPEG", "MPO", "PNG"}
LOSSY = {"JPEG", "MPO"}
TEXTS = {b"tEXt", b"zTXt", b"iTXt", b"tIME"}
# Browsers take a shorter time for this one.
DEFAULT_MS = 100
# A longer loop would take too long to write.
MOST_FRAMES = 2000
LOSSLESS_JPEG = "lossless jpeg"
# The picture as a browser can show it, in full size.
DISPLAY = "display.png"
_ORIENTATION = 0x0112
# Degrees by which the picture is turned clockwise to be upright, for each of EXIF's orientations.
_ROTATIONS = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}


def decode(*, source: Path, folder: Path) -> Facts:
    """Write the renditions and return the facts; raises Unreadable."""
    # Between one and two times its limit, Pillow only warns.
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        return _decode(source, folder)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(Problem.TOO_MANY_PIXELS, error) from error
    except ERRORS as error:
        raise Unreadable(Problem.UNREADABLE, error) from error


def _decode(source: Path, folder: Path) -> Facts:
    data = source.read_bytes()
    with Image.open(BytesIO(_without_bad_texts(data)), formats=FORMATS) as image:
        require_size(*image.size)
        facts = _facts(image, data)
        image.load()
        _write(image, facts, folder)
        return facts


def _write(image: Image.Image, facts: Facts, folder: Path) -> None:
    picture = _upright(image, facts)
    write_renditions(picture=picture, folder=folder)
    if facts["frame_count"] > MOST_FRAMES:
        return
    if facts["frame_count"] > 1:
        times = write_loop(_timed_frames(image), folder=folder, size=picture.size)
        if times:
            facts |= {"frame_times_ms": times[:-1], "frame_count": len(times) - 1, "duration_ms": times[-1]}
    elif not _is_shown_as_it_is(image, facts):
        picture.save(folder / DISPLAY, format="PNG")


def _is_shown_as_it_is(image: Image.Image, facts: Facts) -> bool:
    # Browsers know no pixels that are not square, and turn only JPEG.
    is_turned = image.getexif().get(_ORIENTATION, 1) != 1 and image.format not in LOSSY
    is_shown = image.format in SHOWN and facts["codec"] != LOSSLESS_JPEG
    return is_shown and "pixel_aspect" not in facts and not is_turned


def _timed_frames(image: Image.Image) -> Iterator[tuple[Image.Image, int]]:
    for frame in ImageSequence.Iterator(image):
        yield frame.convert("RGB"), int(frame.info.get("duration") or 0) or DEFAULT_MS


def _facts(image: Image.Image, data: bytes) -> Facts:
    name = str(image.format)
    codec = _jpeg_codec(data) if name in LOSSY else name.lower()
    is_lossy = codec == "jpeg" or image.info.get("compression") == "jpeg"
    facts: Facts = {
        "width": image.width,
        "height": image.height,
        "frame_count": 1 if name in SHOWN else getattr(image, "n_frames", 1),
        "is_lossy": is_lossy or (codec == "webp" and b"VP8L" not in data[:64]),
        "codec": codec,
        "colour_model": image.mode,
        "rotation": _ROTATIONS.get(image.getexif().get(_ORIENTATION, 1), 0),
    }
    across, down = _density(image)
    if across != down:
        # A higher horizontal density means narrower pixels.
        shared = math.gcd(across, down)
        facts["pixel_aspect"] = f"{down // shared}:{across // shared}"
    return facts


def _jpeg_codec(data: bytes) -> str:
    """Return which JPEG this is, by the marker of its first frame."""
    at = 2
    while at + 4 <= len(data):
        kind = data[at + 1]
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return LOSSLESS_JPEG if kind in (0xC3, 0xC7, 0xCB, 0xCF) else "jpeg"
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return "jpeg"


def _density(image: Image.Image) -> tuple[int, int]:
    info = image.info
    across, down = info.get("jfif_density") or info.get("dpi") or info.get("aspect") or (1, 1)
    if not (math.isfinite(across) and math.isfinite(down)):
        return 1, 1
    pair = (round(float(across)), round(float(down)))
    return pair if min(pair) > 0 and max(pair) < 20 * min(pair) else (1, 1)


def _upright(image: Image.Image, facts: Facts) -> Image.Image:
    picture: Image.Image = image
    if image.mode.startswith("I"):
        # Of 16 bits, browsers show the upper eight; Pillow's conversion would clip them to white.
        picture = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    picture = with_square_pixels(picture, facts)
    picture.getexif()[_ORIENTATION] = image.getexif().get(_ORIENTATION, 1)
    return ImageOps.exif_transpose(picture)


def _without_bad_texts(data: bytes) -> bytes:
    """Return a PNG without texts whose checksum is wrong, which browsers ignore and Pillow does not."""
    if not data.startswith(PNG_SIGN):
        return data
    parts, at = [PNG_SIGN], len(PNG_SIGN)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind, checksum = data[at + 4 : at + 8], data[end - 4 : end]
        if kind not in TEXTS or zlib.crc32(data[at + 4 : end - 4]).to_bytes(4, "big") == checksum:
            parts.append(data[at:end])
        at = end
    return b"".join(parts)
