"""Write loops that every browser can play: H.264, 4:2:0, 8 bits, each frame at its own time.

A loop that cannot be written whole is not written, and costs no preview: the first frame is shown instead.
"""

import time
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.filter import Graph
from av.video.frame import VideoFrame
from PIL import Image

from exams.decoding.facts import ERRORS

# The loop as a browser can play it.
DISPLAY = "display.mp4"
# Without visible loss; `stillimage` keeps the grain of grey pictures.
OPTIONS = {"crf": "16", "preset": "veryfast", "tune": "stillimage"}
MILLISECONDS = Fraction(1, 1000)
# Of the process and by the clock. This leaves time for everything else within the limits of a file.
LOOP_SECONDS = 12.0


class _TooLong(Exception):
    """Writing the loop takes too long."""


def write_loop(
    frames: Iterable[tuple[Image.Image, int]],
    *,
    folder: Path,
    size: tuple[int, int],
    seconds: float = LOOP_SECONDS,
) -> list[int]:
    """Write pictures with their durations in milliseconds; return when each begins and the last ends.

    Return an empty list if there is no loop.
    """
    times = [0]

    def timed() -> Iterator[VideoFrame]:
        for picture, duration in frames:
            frame = VideoFrame.from_image(picture.resize(size) if picture.size != size else picture)
            frame.pts, frame.time_base = times[-1], MILLISECONDS
            times.append(times[-1] + duration)
            yield frame

    return times if write_frames(timed(), folder=folder, seconds=seconds) else []


def write_frames(
    frames: Iterable[VideoFrame],
    *,
    folder: Path,
    filters: Iterable[tuple[str, str]] = (),
    seconds: float = LOOP_SECONDS,
) -> bool:
    """Encode frames that have a time; return False and leave no file if one cannot be, or after `seconds`."""
    try:
        _encode(_within(frames, seconds), folder, filters)
    except (*ERRORS, _TooLong):
        (folder / DISPLAY).unlink(missing_ok=True)
        return False
    return True


def _within(frames: Iterable[VideoFrame], seconds: float) -> Iterator[VideoFrame]:
    clocks = (time.monotonic, time.process_time)
    ends = [clock() + seconds for clock in clocks]
    for frame in frames:
        if any(clock() >= end for clock, end in zip(clocks, ends, strict=True)):
            raise _TooLong
        yield frame


def _encode(frames: Iterable[VideoFrame], folder: Path, filters: Iterable[tuple[str, str]]) -> None:
    with av.open(str(folder / DISPLAY), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = graph = None
        for frame in frames:
            if graph is None:
                graph = _graph(frame, filters)
            graph.push(frame)
            shown = graph.vpull()
            if stream is None:
                stream = container.add_stream("libx264", options=OPTIONS)
                stream.width, stream.height, stream.pix_fmt = shown.width, shown.height, "yuv420p"
                stream.time_base = stream.codec_context.time_base = frame.time_base or MILLISECONDS
            shown.pts, shown.time_base = frame.pts, frame.time_base
            shown.pict_type = 0
            container.mux(stream.encode(shown))
        if stream is not None:
            container.mux(stream.encode(None))


def _graph(frame: VideoFrame, filters: Iterable[tuple[str, str]]) -> Graph:
    graph = Graph()
    nodes = [
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
    ]
    # 4:2:0 has one colour for two by two pixels, so an odd size gets one pixel more.
    even = ("scale", "trunc((iw+1)/2)*2:trunc((ih+1)/2)*2")
    for name, value in (*filters, even, ("setsar", "1"), ("format", "yuv420p")):
        nodes.append(graph.add(name, value) if value else graph.add(name))
        nodes[-2].link_to(nodes[-1])
    nodes.append(graph.add("buffersink"))
    nodes[-2].link_to(nodes[-1])
    graph.configure()
    return graph
