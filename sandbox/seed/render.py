"""Render images and videos, as the Cloud offers them, from DICOM data in Python packages.

Stills become JPEG or PNG, loops H.264 in MP4. The names in that data are replaced already; hospital names
that are burned into the picture are cropped away.
"""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pydicom
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_color_lut, iter_pixels

Box = tuple[int, int, int, int]

JPEG_QUALITY = 90
THUMBNAIL = (480, 360)


def read_frames(source: str, *, chosen: slice = slice(None)) -> tuple[list[Image.Image], float]:
    """Return the chosen frames of a packaged file, and its frames per second; raises FileNotFoundError."""
    path = get_testdata_file(source, download=False)
    if not path:
        raise FileNotFoundError(f"{source} is in no installed package")
    data = pydicom.dcmread(str(path), stop_before_pixels=True)
    indices = range(int(data.get("NumberOfFrames") or 1))[chosen]
    # One frame at a time: the colours of a whole loop take a gigabyte to convert.
    frames = [_in_colour(pixels, data) for pixels in iter_pixels(str(path), indices=indices)]
    return frames, 1000 / float(data.get("FrameTime") or 40)


def _in_colour(pixels: np.ndarray, data: pydicom.Dataset) -> Image.Image:
    if data.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, data)
        pixels = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    return Image.fromarray(pixels)


def render_still(*, source: str, frame: int, box: Box | None, scale: float, target: Path) -> None:
    """Write one frame as JPEG or PNG, by the target's suffix."""
    frames, _ = read_frames(source, chosen=slice(frame, frame + 1))
    picture = _shaped(frames[0], box, scale)
    partial = target.with_name(f".{target.name}")
    if target.suffix == ".png":
        picture.save(partial, format="PNG", optimize=True)
    else:
        picture.save(partial, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    os.replace(partial, target)


def render_loop(*, source: str, frames: slice, box: Box | None, scale: float, target: Path) -> None:
    """Write frames as an MP4 that can be played while it loads, with the rate of the original."""
    pictures, rate = read_frames(source, chosen=frames)
    shaped = [_shaped(each, box, scale) for each in pictures]
    partial = target.with_name(f".{target.name}")
    with av.open(str(partial), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(rate).limit_denominator(1001))
        stream.width, stream.height = shaped[0].size
        stream.pix_fmt = "yuv420p"
        # One thread and a fixed quality: the same file on every machine.
        stream.options = {"crf": "18", "preset": "veryfast", "threads": "1"}
        for picture in shaped:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode(None))
    os.replace(partial, target)


def render_thumbnail(*, picture: Path, target: Path) -> None:
    """Write a thumbnail of a still as JPEG for the sandbox's pages."""
    with Image.open(picture) as image:
        small = image.convert("RGB")
        small.thumbnail(THUMBNAIL)
        partial = target.with_name(f".{target.name}")
        small.save(partial, format="JPEG", quality=85)
    os.replace(partial, target)


def _shaped(picture: Image.Image, box: Box | None, scale: float) -> Image.Image:
    cropped = picture.convert("RGB").crop(box) if box else picture.convert("RGB")
    # H.264 with 4:2:0 colour needs even sides.
    width, height = (int(side * scale) // 2 * 2 for side in cropped.size)
    return (
        cropped.resize((width, height), Image.Resampling.LANCZOS)
        if cropped.size != (width, height)
        else cropped
    )
