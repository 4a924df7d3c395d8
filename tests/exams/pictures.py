"""Small generated pictures and videos; most show a circle on black."""

import io
import tempfile
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageDraw


def circle(width: int, height: int, *, squeeze: float = 1.0) -> Image.Image:
    """Draw a white disc in the middle; `squeeze` narrows it, as for pixels that are wider than high."""
    picture = Image.new("RGB", (width, height))
    radius = height * 0.3
    middle, centre = width / 2, height / 2
    box = (middle - radius * squeeze, centre - radius, middle + radius * squeeze, centre + radius)
    ImageDraw.Draw(picture).ellipse(box, fill="white")
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int, height: int) -> Image.Image:
    """Draw a picture that no codec compresses well."""
    return Image.effect_noise((width, height), 90).convert("RGB")


def video(
    picture: Image.Image,
    *,
    frames: int = 10,
    aspect: Fraction | None = None,
    rate: int = 20,
    is_fast_start: bool = False,
) -> bytes:
    """Return an MP4 that shows the picture for a while; fast start puts its index before the frames."""
    options = {"movflags": "faststart"} if is_fast_start else {}
    # Written to a file, because only there the index can be moved to the front.
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w", format="mp4", options=options) as container:
            stream = container.add_stream("libx264", rate=rate)
            stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            for _ in range(frames):
                container.mux(stream.encode(av.VideoFrame.from_image(picture)))
            container.mux(stream.encode())
        return Path(file.name).read_bytes()


def disc_size(picture: Image.Image) -> tuple[int, int]:
    """Return the width and height of the bright area."""
    left, top, right, bottom = (
        picture.convert("L").point(lambda value: 255 * (value > 127)).getbbox() or (0,) * 4
    )
    return right - left, bottom - top


def squeezed(unit: bytes, count: int) -> bytes:
    """Return `unit` repeated so often, compressed by zlib, without compressing more than two of them."""
    packer = zlib.compressobj(9)
    # What follows a full flush depends on nothing before it.
    first = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    other = packer.compress(unit) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, wbits=-zlib.MAX_WBITS).flush()
    checksum = zlib.adler32(b"")
    for _ in range(count):
        checksum = zlib.adler32(unit, checksum)
    return first + other * (count - 1) + end + checksum.to_bytes(4, "big")
