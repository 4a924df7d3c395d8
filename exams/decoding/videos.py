"""Decode videos: MP4 only, because another container may be a playlist that reads other files."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.sidedata.sidedata import Type
from PIL import Image

from exams.decoding import Problem
from exams.decoding.facts import (
    ERRORS,
    Facts,
    Unreadable,
    require_size,
    with_square_pixels,
    write_renditions,
)
from exams.decoding.loops import write_frames
from exams.media_types import is_playable

# Some minutes of a fast loop; a longer list would fill the database.
MOST_FRAME_TIMES = 20_000
_LOSSLESS = {"png", "ffv1", "huffyuv", "rawvideo", "utvideo"}
# One, as a display matrix writes it.
_ONE = 1 << 16
# How a picture is turned by the first four numbers of its matrix: degrees clockwise, after mirroring it.
# Browsers leave it as it is for every other matrix.
_TURNS = {
    (1, 0, 0, 1): (0, False),
    (0, 1, -1, 0): (90, False),
    (-1, 0, 0, -1): (180, False),
    (0, -1, 1, 0): (270, False),
    (-1, 0, 0, 1): (0, True),
    (0, 1, 1, 0): (270, True),
    (1, 0, 0, -1): (180, True),
    (0, -1, -1, 0): (90, True),
}


def decode(*, source: Path, folder: Path) -> Facts:
    """Write the poster's renditions and return the facts; raises Unreadable."""
    try:
        with av.open(str(source), format="mp4") as container:
            stream = container.streams.video[0]
            require_size(stream.codec_context.width, stream.codec_context.height)
            frame = next(container.decode(stream))
            turn, is_mirrored = _turn(frame)
            facts = _facts(container, stream, turn)
            picture = with_square_pixels(frame.to_image(), facts)
            write_renditions(picture=_upright(picture, turn, is_mirrored), folder=folder)
        facts |= _frames(source)
    except ERRORS as error:
        raise Unreadable(Problem.UNREADABLE, error) from error
    if not is_playable(codec=facts["codec"], colour_model=facts["colour_model"]):
        _write_display(source, folder, facts, _filters(facts, turn, is_mirrored))
    return facts


def _write_display(source: Path, folder: Path, facts: Facts, filters: list[tuple[str, str]]) -> None:
    """Write the loop as browsers can play it; without it, the poster is shown."""
    with suppress(*ERRORS), av.open(str(source), format="mp4") as container:
        write_frames(_decoded(container), folder=folder, filters=filters)


def _decoded(container: Any) -> Iterator[Any]:
    for frame in container.decode(video=0):
        if frame.pts is not None:
            yield frame


def _filters(facts: Facts, turn: int, is_mirrored: bool) -> list[tuple[str, str]]:
    found = []
    if "pixel_aspect" in facts:
        wide, high = facts["pixel_aspect"].split(":")
        found.append(("scale", f"iw*{wide}/{high}:ih"))
    found += [("hflip", "")] if is_mirrored else []
    turns = {
        90: [("transpose", "clock")],
        180: [("hflip", ""), ("vflip", "")],
        270: [("transpose", "cclock")],
    }
    return found + turns.get(turn, [])


def _frames(source: Path) -> Facts:
    """Count the frames that are shown, and return when each is shown if the file has that for all of them."""
    times: list[int | None] = []
    # Counted one by one, because the header of a truncated file still promises every frame.
    with av.open(str(source), format="mp4") as container:
        base = container.streams.video[0].time_base or Fraction(1)
        # The frames before a truncation still count; those that an edit list leaves out do not.
        with suppress(av.FFmpegError):
            for packet in container.demux(video=0):
                if packet.size and not packet.is_discard:
                    times.append(None if packet.pts is None else round(packet.pts * base * 1000))
    known = sorted(each for each in times if each is not None)
    facts: Facts = {"frame_count": len(times)}
    if len(known) == len(times) <= MOST_FRAME_TIMES:
        facts["frame_times_ms"] = [each - known[0] for each in known]
    return facts


def _facts(container: Any, stream: Any, turn: int) -> Facts:
    codec = stream.codec_context.name
    facts: Facts = {
        "width": stream.codec_context.width,
        "height": stream.codec_context.height,
        "duration_ms": _milliseconds(container, stream),
        "is_lossy": codec not in _LOSSLESS,
        "codec": codec,
        "colour_model": str(stream.codec_context.pix_fmt or ""),
        "rotation": turn,
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


def _turn(frame: Any) -> tuple[int, bool]:
    """Return the clockwise turn of a frame and whether it is mirrored before, as browsers read its matrix."""
    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return 0, False
    a, b, _, c, d, *_ = struct.unpack("<9i", bytes(matrix))
    return _TURNS.get(tuple(each / _ONE for each in (a, b, c, d)), (0, False))


def _upright(picture: Image.Image, turn: int, is_mirrored: bool) -> Image.Image:
    if is_mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    # Pillow counts anticlockwise.
    return picture.rotate(-turn, expand=True) if turn else picture
