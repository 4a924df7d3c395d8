"""Decode still images: JPEG and PNG only, whatever the file claims to be."""

import math
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from exams.decoding.facts import Facts, Unreadable, require_size, write_renditions

FORMATS = ("JPEG", "PNG")
_ORIENTATION = 0x0112
# Degrees by which the picture is turned clockwise to be upright, for each of EXIF's orientations.
_ROTATIONS = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}


def decode(*, source: Path, folder: Path) -> Facts:
    """Write the renditions and return the facts; raises Unreadable."""
    # Between one and two times its limit, Pillow only warns.
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(source, formats=FORMATS) as image:
            require_size(*image.size)
            facts = _facts(image)
            image.load()
            write_renditions(picture=_upright(image, facts), folder=folder)
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        SyntaxError,
        ValueError,
        MemoryError,
    ) as error:
        raise Unreadable(f"The image cannot be decoded ({type(error).__name__}).") from error
    return facts


def _facts(image: Image.Image) -> Facts:
    name = str(image.format)
    facts: Facts = {
        "width": image.width,
        "height": image.height,
        "frame_count": 1,
        "is_lossy": name == "JPEG",
        "codec": name.lower(),
        "colour_model": image.mode,
        "rotation": _ROTATIONS.get(image.getexif().get(_ORIENTATION, 1), 0),
    }
    across, down = _density(image)
    if across != down:
        # A higher horizontal density means narrower pixels.
        shared = math.gcd(across, down)
        facts["pixel_aspect"] = f"{down // shared}:{across // shared}"
    return facts


def _density(image: Image.Image) -> tuple[int, int]:
    across, down = image.info.get("jfif_density") or image.info.get("dpi") or (1, 1)
    pair = (round(float(across)), round(float(down)))
    return pair if min(pair) > 0 and max(pair) < 20 * min(pair) else (1, 1)


def _upright(image: Image.Image, facts: Facts) -> Image.Image:
    picture: Image.Image = image
    if "pixel_aspect" in facts:
        wide, high = (int(part) for part in facts["pixel_aspect"].split(":"))
        width = max(1, round(picture.width * wide / high))
        require_size(width, picture.height)
        picture = picture.resize((width, picture.height), Image.Resampling.BILINEAR)
        picture.getexif()[_ORIENTATION] = image.getexif().get(_ORIENTATION, 1)
    return ImageOps.exif_transpose(picture)
