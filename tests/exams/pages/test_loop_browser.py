"""Loops are stepped in a real browser without one wrong frame; each frame shows its number."""

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from exams.models import Capture
from exams.services.media.previews import preview_capture
from tests.e2e.chromium import NEEDS_CHROMIUM, page_of
from tests.exams.cast import Stage, add_file, add_submission
from tests.people import logged_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, NEEDS_CHROMIUM]
WIDTH, HEIGHT, BITS = 320, 240, 8
FRAMES = 24
# Milliseconds by which the frames of the loop with a variable rate follow each other.
UNEVEN = [40, 10, 90, 17, 33, 200, 40, 20] * 3
# Reads the number that the shown frame spells in eight squares, the lowest bit first.
READ = """
video => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  return [...Array(8).keys()].reduce((sum, bit) => {
    const [red] = context.getImageData(bit * 40 + 20, 120, 1, 1).data;
    return sum + (red > 127 ? 2 ** bit : 0);
  }, 0);
}
"""


def _numbered(number: int) -> Image.Image:
    picture = Image.new("RGB", (WIDTH, HEIGHT), "gray")
    draw = ImageDraw.Draw(picture)
    for bit in range(BITS):
        draw.rectangle((bit * 40, 80, bit * 40 + 39, 160), fill="white" if number >> bit & 1 else "black")
    return picture


def _loop(moments: list[Fraction], base: Fraction, *, has_audio: bool = False, between: str = "2") -> bytes:
    """Return an MP4 whose frames are shown at these seconds; the audio goes on for two seconds more."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        video = container.add_stream("libx264", options={"bf": between, "g": "12"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.time_base = video.codec_context.time_base = base
        sound: Any = container.add_stream("aac", rate=8000) if has_audio else None
        for number, moment in enumerate(moments):
            frame = av.VideoFrame.from_image(_numbered(number))
            frame.pts, frame.time_base = round(moment / base), base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound:
            silence = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            silence.sample_rate = 8000
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            for number in range(round((moments[-1] + 2) * 8000) // 1024):
                silence.pts, silence.time_base = number * 1024, Fraction(1, 8000)
                container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
    return buffer.getvalue()


def _at_rate(rate: Fraction, **options: Any) -> bytes:
    return _loop([number / rate for number in range(FRAMES)], 1 / rate, **options)


def _uneven(between: str) -> bytes:
    moments = [Fraction(sum(UNEVEN[:number]), 1000) for number in range(FRAMES)]
    return _loop(moments, Fraction(1, 1000), between=between)


LOOPS = {
    "3 fps": lambda: _at_rate(Fraction(3)),
    "17 fps": lambda: _at_rate(Fraction(17)),
    "25 fps": lambda: _at_rate(Fraction(25)),
    "29.97 fps": lambda: _at_rate(Fraction(30000, 1001)),
    "60 fps": lambda: _at_rate(Fraction(60)),
    "variable rate": lambda: _uneven("0"),
    "longer audio": lambda: _at_rate(Fraction(25), has_audio=True),
    "late first frame": lambda: _loop(
        [Fraction(1, 2) + Fraction(number, 25) for number in range(FRAMES)], Fraction(1, 50), has_audio=True
    ),
}


@pytest.fixture
def page(transactional_stage: Stage, live_server: LiveServer, browser: Browser) -> Iterator[Page]:
    session = logged_in(transactional_stage.people["reviewer"]).cookies["portal_session"].value
    with page_of(session, browser=browser, url=live_server.url) as page:
        yield page


def _open(stage: Stage, page: Page, content: bytes) -> None:
    submission = add_submission(stage.customer, last_name="Numbered")
    capture = add_file(submission, content, kind="video")
    Capture.objects.filter(pk=capture.pk).update(not_before="2026-01-01T00:00:00Z")
    preview_capture(pk=capture.pk)
    page.goto(f"/exams/{submission.uuid}/")
    expect(page.locator("[data-frame-label]")).to_have_text(f"frame 1 of {FRAMES}")


def _shown(page: Page) -> int:
    return int(page.locator("video").evaluate(READ))


@pytest.mark.parametrize("name", LOOPS)
def test_every_step_shows_the_next_frame_and_names_it(
    transactional_stage: Stage, page: Page, name: str
) -> None:
    _open(transactional_stage, page, LOOPS[name]())
    label = page.locator("[data-frame-label]")
    assert _shown(page) == 0
    way = [*range(1, FRAMES), FRAMES - 1, *range(FRAMES - 2, -1, -1), 0]
    for before, number in zip([0, *way], way, strict=False):
        page.keyboard.press("." if number > before or number == FRAMES - 1 == before else ",")
        expect(label).to_have_text(f"frame {number + 1} of {FRAMES}")
        assert _shown(page) == number


def test_presses_during_a_seek_are_not_lost(transactional_stage: Stage, page: Page) -> None:
    _open(transactional_stage, page, LOOPS["60 fps"]())
    label = page.locator("[data-frame-label]")
    for _ in range(9):
        page.keyboard.press(".")
    expect(label).to_have_text(f"frame 10 of {FRAMES}")
    assert _shown(page) == 9
    for key in ".,,,,,.":
        page.keyboard.press(key)
    expect(label).to_have_text(f"frame 7 of {FRAMES}")
    assert _shown(page) == 6


def test_a_frame_that_the_browser_never_presents_is_passed_over(
    transactional_stage: Stage, page: Page
) -> None:
    # Chromium shows no twelfth frame of this loop, whatever time is sought.
    _open(transactional_stage, page, _uneven("2"))
    label = page.locator("[data-frame-label]")
    for number in [*range(2, 12), *range(13, FRAMES + 1)]:
        page.keyboard.press(".")
        expect(label).to_have_text(f"frame {number} of {FRAMES}")
        assert _shown(page) == number - 1
    for number in [*range(FRAMES - 1, 12, -1), *range(11, 0, -1)]:
        page.keyboard.press(",")
        expect(label).to_have_text(f"frame {number} of {FRAMES}")
        assert _shown(page) == number - 1
