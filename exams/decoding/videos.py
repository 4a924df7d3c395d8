"""Decode videos: MP4 only, because another container may be a playlist that reads other files."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

from exams.decoding.facts import Facts, Unreadable, require_size, write_renditions

_FULL_TURN = 360
# Some minutes of a fast loop; a longer list would fill the database.
MOST_FRAME_TIMES = 20_000
_LOSSLESS = {"png", "ffv1", "huffyuv", "rawvideo", "utvideo"}


def decode(*, source: Path, folder: Path) -> Facts:
    """Write the poster's renditions and return the facts; raises Unreadable."""
    try:
        with av.open(str(source), format="mp4") as container:
            stream = container.streams.video[0]
            require_size(stream.codec_context.width, stream.codec_context.height)
            frame = next(container.decode(stream))
            facts = _facts(container, stream, frame)
            write_renditions(picture=_upright(frame.to_image(), facts), folder=folder)
        facts |= _frames(source)
    except (av.FFmpegError, IndexError, ValueError, StopIteration, OSError, MemoryError) as error:
        raise Unreadable(f"The video cannot be decoded ({type(error).__name__}).") from error
    return facts


def _frames(source: Path) -> Facts:
    """Count the existing frames, and return when each is shown if the file has that for all of them."""
    times: list[int | None] = []
    # Counted one by one, because the header of a truncated file still promises every frame.
    with av.open(str(source), format="mp4") as container:
        base = container.streams.video[0].time_base or Fraction(1)
        # The frames before a truncation still count.
        with suppress(av.FFmpegError):
            for packet in container.demux(video=0):
                if packet.size:
                    times.append(None if packet.pts is None else round(packet.pts * base * 1000))
    known = sorted(each for each in times if each is not None)
    facts: Facts = {"frame_count": len(times)}
    if len(known) == len(times) <= MOST_FRAME_TIMES:
        facts["frame_times_ms"] = [each - known[0] for each in known]
    return facts


def _facts(container: Any, stream: Any, frame: Any) -> Facts:
    codec = stream.codec_context.name
    facts: Facts = {
        "width": stream.codec_context.width,
        "height": stream.codec_context.height,
        "duration_ms": _milliseconds(container, stream),
        "is_lossy": codec not in _LOSSLESS,
        "codec": codec,
        "colour_model": str(stream.codec_context.pix_fmt or ""),
        # The container counts anticlockwise.
        "rotation": -int(frame.rotation) % _FULL_TURN,
    }
    aspect = stream.sample_aspect_ratio
    if aspect and aspect != 1 and Fraction(1, 20) < aspect < 20:
        facts["pixel_aspect"] = f"{aspect.numerator}:{aspect.denominator}"
    return facts


def _milliseconds(container: Any, stream: Any) -> int:
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    else:
        seconds = (container.duration or 0) / av.time_base
    return max(0, min(round(seconds * 1000), 2**31 - 1))


def _upright(picture: Image.Image, facts: Facts) -> Image.Image:
    if "pixel_aspect" in facts:
        wide, high = (int(part) for part in facts["pixel_aspect"].split(":"))
        width = max(1, round(picture.width * wide / high))
        require_size(width, picture.height)
        picture = picture.resize((width, picture.height), Image.Resampling.BILINEAR)
    # Pillow counts anticlockwise.
    return picture.rotate(-facts["rotation"], expand=True) if facts["rotation"] else picture
