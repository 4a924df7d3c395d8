"""What a browser cannot show as it is gets a rendition, and thumbnail and viewer show the same picture."""

import base64
import io
import struct
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from exams import storage
from exams.decoding import loops
from exams.decoding.videos import _TURNS
from exams.models import Capture
from exams.services.media.previews import preview_capture
from exams.views.review._slots import list_slots
from tests.e2e.chromium import NEEDS_CHROMIUM, chromium
from tests.exams import pictures
from tests.exams.rows import ago, make_capture, make_customer, make_service, make_submission

CASES = Path(__file__).parent / "cases"
ONE = 1 << 16

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def previewed(content: bytes, kind: str = "image") -> Capture:
    stored = storage.store_upload([content])
    capture = make_capture(
        make_submission(make_customer(make_service())),
        state="stored",
        kind=kind,
        file=stored.path,
        sha256=stored.sha256,
        size=stored.size,
        media_type=stored.media_type,
        not_before=ago(seconds=5),
    )
    preview_capture(pk=capture.pk)
    capture.refresh_from_db()
    return capture


def shown(capture: Capture) -> tuple[str, str]:
    """Return how the viewer shows the capture, and the last part of the address."""
    (slot,) = list_slots([capture])
    return slot.show, slot.url.rstrip("/").rpartition("/")[2]


def loop(codec: str, pixels: str, *, size: tuple[int, int] = (160, 120)) -> bytes:
    """Return an MP4 of ten frames."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        for number in range(10):
            frame = av.VideoFrame.from_image(pictures.circle(*size)).reformat(format=pixels)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("codec", "pixels"),
    [
        ("libx265", "yuv420p"),
        ("mpeg4", "yuv420p"),
        ("mjpeg", "yuvj420p"),
        ("png", "rgb24"),
        ("libx264", "yuv420p10le"),
        ("libx264", "yuv422p"),
    ],
)
def test_a_loop_that_no_browser_plays_is_reencoded_frame_by_frame(codec: str, pixels: str) -> None:
    capture = previewed(loop(codec, pixels), "video")
    assert shown(capture) == ("video", "display")
    assert list_slots([capture])[0].is_reencoded
    with storage.open_file(capture.display) as file, av.open(file, format="mp4") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        times = [round(frame.time * 1000) for frame in container.decode(video=0)]
    assert capture.frame_times_ms is not None
    assert [each - times[0] for each in times] == capture.frame_times_ms


def test_a_loop_of_odd_size_is_reencoded() -> None:
    assert shown(previewed(loop("png", "rgb24", size=(161, 121)), "video")) == ("video", "display")


@pytest.mark.parametrize("name", ["loop-25fps-numbered.mp4", "loop-zero-matrix.mp4"])
def test_a_loop_that_browsers_play_is_shown_as_it_is(name: str) -> None:
    capture = previewed((CASES / name).read_bytes(), "video")
    assert shown(capture) == ("video", "file")
    assert (capture.preview_failure, capture.display, capture.rotation) == ("", "", 0)


def animation(kind: str) -> bytes:
    later = [pictures.circle(161, 121, squeeze=0.1 * number) for number in range(1, 6)]
    first = pictures.circle(161, 121)
    return pictures.encoded(first, kind, save_all=True, append_images=later, duration=80)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF"])
def test_pictures_that_move_become_a_loop(kind: str) -> None:
    capture = previewed(animation(kind))
    assert shown(capture) == ("video", "display")
    assert (capture.frame_count, capture.frame_times_ms[:2]) == (6, [0, 100 if kind == "TIFF" else 80])


@pytest.mark.parametrize(
    "content",
    [
        *(pictures.encoded(pictures.circle(64, 48), kind) for kind in ("BMP", "TIFF", "WEBP", "GIF")),
        pictures.encoded(pictures.circle(64, 48), "JPEG", dpi=(50, 100)),
        pictures.encoded(pictures.circle(64, 48), "PNG", dpi=(50, 100)),
    ],
    ids=["bmp", "tiff", "webp", "gif", "jpeg with wide pixels", "png with wide pixels"],
)
def test_a_still_that_browsers_show_wrongly_or_not_at_all_is_reencoded(content: bytes) -> None:
    capture = previewed(content)
    assert shown(capture) == ("image", "display")
    with storage.open_file(capture.display) as file, Image.open(file) as picture:
        assert picture.format == "PNG"
        assert picture.size == list_slots([capture])[0].size


def test_lossless_jpeg_is_named_and_reencoded() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="image2pipe") as container:
        stream = container.add_stream("ljpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj444p"
        frame = av.VideoFrame.from_image(pictures.circle(64, 48)).reformat(format="yuvj444p")
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    capture = previewed(buffer.getvalue())
    assert (capture.codec, capture.is_lossy) == ("lossless jpeg", False)
    assert shown(capture) == ("image", "display")


def test_sixteen_bits_of_grey_are_not_clipped_to_white() -> None:
    gradient = Image.linear_gradient("L").convert("I").point(lambda value: value * 257).convert("I;16")
    capture = previewed(pictures.encoded(gradient, "PNG"))
    with storage.open_file(capture.preview) as file, Image.open(file) as preview:
        assert 120 < ImageStat.Stat(preview.convert("L")).mean[0] < 135
    assert shown(capture) == ("image", "file")


def test_a_jpeg_with_two_pictures_is_lossy_and_shows_the_first() -> None:
    capture = previewed((CASES / "two-pictures-mpo.jpg").read_bytes())
    assert (capture.is_lossy, capture.frame_count, shown(capture)) == (True, 1, ("image", "file"))


def test_a_png_whose_text_has_a_bad_checksum_is_shown() -> None:
    capture = previewed((CASES / "png-bad-text-crc.png").read_bytes())
    assert (capture.preview_failure, shown(capture)) == ("", ("image", "file"))


def test_too_many_pixels_are_named_as_such() -> None:
    capture = previewed(pictures.encoded(Image.new("1", (9000, 9000)), "PNG"))
    assert capture.preview_failure == ("No preview: the picture has too many pixels. Download the original.")


def test_a_loop_that_could_not_be_reencoded_shows_its_first_frame_and_says_why() -> None:
    capture = previewed(loop("mpeg4", "yuv420p"), "video")
    capture.display = ""
    assert shown(capture) == ("preview", "preview")
    assert "could not be re-encoded" in list_slots([capture])[0].reason


def blinking(kind: str, count: int) -> bytes:
    """Return a picture of `count` frames, no two of which in a row are equal."""
    frames = [Image.new("L", (8, 8), 50 + number % 2 * 150) for number in range(count)]
    return pictures.encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=20)


@pytest.mark.parametrize(
    "make",
    [lambda: animation("GIF")[:-300], lambda: _with_bad_last_frame(), lambda: blinking("GIF", 2001)],
    ids=["cut GIF", "TIFF with a frame that is none", "too many frames"],
)
def test_pictures_that_cannot_become_a_loop_show_the_first_and_say_so(make: Any) -> None:
    capture = previewed(make())
    assert (capture.preview_failure, shown(capture)) == ("", ("preview", "preview"))
    assert capture.frame_count > 1 and capture.frame_times_ms is None
    assert "could not be re-encoded" in list_slots([capture])[0].reason


def _with_bad_last_frame() -> bytes:
    content = bytearray(animation("TIFF"))
    # The bytes of the last picture are somewhere behind the end of the file.
    with Image.open(io.BytesIO(content)) as image:
        image.seek(image.n_frames - 1)
        offset = struct.pack("<L", image.tag_v2[273][0])
    at = content.rindex(offset)
    content[at : at + 4] = struct.pack("<L", len(content) + 1000)
    return bytes(content)


def test_a_loop_that_takes_too_long_is_not_written(tmp_path: Path) -> None:
    frames = [(pictures.circle(64, 48), 100)] * 3
    assert loops.write_loop(frames, folder=tmp_path, size=(64, 48), seconds=60) == [0, 100, 200, 300]
    assert loops.write_loop(frames, folder=tmp_path, size=(64, 48), seconds=0) == []
    assert not (tmp_path / loops.DISPLAY).exists()


@pytest.mark.parametrize("bottom", [0, 1])
def test_a_density_that_is_no_number_costs_no_preview(bottom: int) -> None:
    tags = ImageFileDirectory_v2()
    tags[282], tags[283], tags[296] = IFDRational(1 if bottom else 0, 0), IFDRational(1, 1), 2
    capture = previewed(pictures.encoded(pictures.circle(64, 48), "TIFF", tiffinfo=tags))
    assert (capture.preview_failure, shown(capture)) == ("", ("image", "display"))


MATRICES: dict[str, tuple[int, ...]] = {
    **{
        f"{turn} degrees{', mirrored' * is_mirrored}": tuple(each * ONE for each in matrix)
        for matrix, (turn, is_mirrored) in _TURNS.items()
    },
    "zero": (0, 0, 0, 0),
    "twice as large": (2 * ONE, 0, 0, 2 * ONE),
    "45 degrees": (46341, 46341, -46341, 46341),
}


def _with_matrix(name: str) -> bytes:
    content = pictures.video(_corners())
    at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = MATRICES[name]
    return content[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + content[at + 36 :]


def _corners() -> Image.Image:
    picture = Image.new("RGB", (320, 240))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 100, 60), fill="white")
    draw.rectangle((220, 0, 319, 30), fill="gray")
    return picture


@pytest.fixture(scope="module")
def taken() -> dict[str, Image.Image]:
    """Each loop as Chromium shows it; the browser has ended before the database is used."""
    found = {}
    with chromium() as browser:
        page = browser.new_page()
        for name in MATRICES:
            source = f"data:video/mp4;base64,{base64.b64encode(_with_matrix(name)).decode()}"
            page.set_content(f'<video muted src="{source}"></video>')
            page.wait_for_function("document.querySelector('video').readyState >= 3")
            # Two frames of the page later, the picture is on the screen.
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            found[name] = Image.open(io.BytesIO(page.locator("video").screenshot()))
    return found


@NEEDS_CHROMIUM
@pytest.mark.browser
@pytest.mark.parametrize("name", MATRICES)
def test_the_preview_is_turned_as_the_browser_turns_the_loop(
    taken: dict[str, Image.Image], name: str
) -> None:
    capture = previewed(_with_matrix(name), "video")
    with storage.open_file(capture.preview) as file, Image.open(file) as preview:
        assert taken[name].size == preview.size
        difference = ImageChops.difference(taken[name].convert("L"), preview.convert("L"))
    assert ImageStat.Stat(difference).mean[0] < 3
