"""Previews are made in a separate process, show what was received, and never endanger the worker."""

import os
import struct
import subprocess
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from exams import storage
from exams.models import Capture, Submission
from exams.services.media.previews import NO_PREVIEW, preview_capture
from tests.exams import pictures
from tests.exams.deadly_decoding import ENDS_ALL, ENDS_ITSELF
from tests.exams.rows import ago, from_now, make_capture, make_customer, make_service, make_submission

DECODING = ("exams.decoding", "tests.exams.deadly_decoding")

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of every process that is started."""
    options: list[dict[str, Any]] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, arguments: list[str], **others: Any) -> None:
            options.append(others)
            super().__init__([each.replace(*DECODING) for each in arguments], **others)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    return options


def due(content: bytes, kind: str = "image", *, submission: Submission | None = None) -> Capture:
    stored = storage.store_upload([content])
    return make_capture(
        submission or make_submission(make_customer(make_service())),
        state="stored",
        kind=kind,
        file=stored.path,
        sha256=stored.sha256,
        size=stored.size,
        media_type=stored.media_type,
        not_before=ago(seconds=5),
    )


def previewed(content: bytes, kind: str = "image") -> Capture:
    capture = due(content, kind)
    preview_capture(pk=capture.pk)
    capture.refresh_from_db()
    return capture


def opened(path: str) -> Image.Image:
    with storage.open_file(path) as file:
        picture = Image.open(file)
        picture.load()
    return picture


def test_an_image_gets_a_thumbnail_a_preview_and_its_facts() -> None:
    capture = previewed(pictures.encoded(pictures.circle(2000, 1000)))
    assert (capture.width, capture.height, capture.frame_count) == (2000, 1000, 1)
    assert (capture.is_lossy, capture.codec, capture.colour_model) == (True, "jpeg", "RGB")
    assert opened(capture.thumbnail).size == (320, 160)
    assert opened(capture.preview).size == (1600, 800)
    assert (capture.preview_failure, capture.not_before) == ("", None)


def test_a_png_is_not_lossy_and_is_never_enlarged() -> None:
    capture = previewed(pictures.encoded(pictures.circle(100, 50), "PNG"))
    assert capture.is_lossy is False
    assert opened(capture.preview).size == (100, 50)


def test_a_video_gets_a_poster_and_its_facts() -> None:
    capture = previewed(pictures.video(pictures.circle(320, 240), frames=10, rate=20), kind="video")
    assert (capture.width, capture.height) == (320, 240)
    assert (capture.frame_count, capture.duration_ms) == (10, 500)
    assert (capture.is_lossy, capture.codec, capture.colour_model) == (True, "h264", "yuv420p")
    assert opened(capture.preview).size == (320, 240)


def is_round(picture: Image.Image) -> bool:
    width, height = pictures.disc_size(picture)
    return height > 0 and abs(width / height - 1) < 0.05


def test_a_circle_stays_round_in_a_video_with_wide_pixels() -> None:
    squeezed = pictures.circle(320, 240, squeeze=0.75)
    assert not is_round(squeezed)
    capture = previewed(pictures.video(squeezed, aspect=Fraction(4, 3)), kind="video")
    assert capture.pixel_aspect == "4:3"
    assert is_round(opened(capture.preview))


def test_a_circle_stays_round_in_a_jpeg_with_wide_pixels() -> None:
    content = pictures.encoded(pictures.circle(400, 300, squeeze=0.5), dpi=(50, 100))
    capture = previewed(content)
    assert capture.pixel_aspect == "2:1"
    assert is_round(opened(capture.preview))


@pytest.mark.parametrize(("orientation", "rotation"), [(1, 0), (3, 180), (6, 90), (8, 270)])
def test_a_turned_jpeg_is_shown_upright(orientation: int, rotation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    capture = previewed(pictures.encoded(Image.new("RGB", (200, 100)), exif=exif))
    assert (capture.width, capture.height, capture.rotation) == (200, 100, rotation)
    assert opened(capture.preview).size == ((100, 200) if rotation % 180 else (200, 100))


def turned(content: bytes, *, degrees: int) -> bytes:
    """Return an MP4 whose header asks for a clockwise turn, as phones write it."""
    matrix = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    a, b, c, d = (part << 16 for part in matrix)
    at = content.index(b"tkhd") + 4 + 40
    return content[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + content[at + 36 :]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_video_is_shown_upright(degrees: int) -> None:
    picture = Image.new("RGB", (320, 240))
    # A white corner at the top left.
    picture.paste("white", (0, 0, 80, 60))
    capture = previewed(turned(pictures.video(picture), degrees=degrees), kind="video")
    assert (capture.width, capture.height, capture.rotation) == (320, 240, degrees)
    poster = opened(capture.preview).convert("L")
    assert poster.size == ((240, 320) if degrees % 180 else (320, 240))
    # Each clockwise turn moves the white area to the next corner.
    right, bottom = poster.width - 10, poster.height - 10
    corner = {90: (right, 10), 180: (right, bottom), 270: (10, bottom)}[degrees]
    assert poster.getpixel(corner) > 200
    assert poster.getpixel((10, 10)) < 50


def test_a_circle_stays_round_in_a_turned_jpeg_with_wide_pixels() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    squeezed = pictures.circle(400, 300, squeeze=0.5)
    capture = previewed(pictures.encoded(squeezed, dpi=(50, 100), exif=exif))
    assert (capture.pixel_aspect, capture.rotation) == ("2:1", 90)
    assert opened(capture.preview).size == (300, 800)
    assert is_round(opened(capture.preview))


def test_a_circle_stays_round_in_a_turned_video_with_wide_pixels() -> None:
    squeezed = pictures.circle(320, 240, squeeze=0.75)
    content = turned(pictures.video(squeezed, aspect=Fraction(4, 3)), degrees=90)
    capture = previewed(content, kind="video")
    assert (capture.pixel_aspect, capture.rotation) == ("4:3", 90)
    assert is_round(opened(capture.preview))


def test_the_time_of_each_frame_is_known() -> None:
    capture = previewed(pictures.video(pictures.circle(320, 240), frames=5, rate=20), kind="video")
    assert capture.frame_times_ms == [0, 50, 100, 150, 200]


def test_only_the_frames_of_a_truncated_video_that_exist_are_counted() -> None:
    whole = pictures.video(pictures.noise(320, 240), frames=40, rate=20, is_fast_start=True)
    # The first frame is nearly the whole file; the others only repeat it.
    capture = previewed(whole[:-200], kind="video")
    assert 0 < capture.frame_count < 40
    assert len(capture.frame_times_ms) == capture.frame_count


def bomb(width: int, height: int) -> bytes:
    """Return a PNG that is far larger when it is decompressed."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = pictures.squeezed(b"\0" * (1 + 3 * width), height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PLAYLIST = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: bomb(12_000, 12_000), "image"),
        (lambda: b"\xff\xd8\xff\xe0 not a picture", "image"),
        (lambda: pictures.encoded(pictures.circle(300, 300), "PNG")[:-400], "image"),
        (lambda: PLAYLIST, "video"),
        (lambda: pictures.video(pictures.circle(64, 64))[:120], "video"),
    ],
    ids=["bomb", "noise", "cut image", "playlist", "cut video"],
)
def test_a_hostile_file_loses_only_its_preview(make: Callable[[], bytes], kind: str) -> None:
    content = make()
    capture = previewed(content, kind)
    assert capture.preview_failure.startswith("No preview")
    assert (capture.thumbnail, capture.preview, capture.not_before) == ("", "", None)
    assert capture.state == "stored"
    with storage.open_file(capture.file) as file:
        assert file.read() == content


def test_decoding_that_takes_too_long_is_ended(settings: Any) -> None:
    settings.DECODING_SECONDS = 0.01
    capture = previewed(pictures.encoded(pictures.circle(100, 100)))
    assert capture.preview_failure == "No preview: decoding took too long."


def test_a_missing_file_has_no_preview() -> None:
    capture = previewed(pictures.encoded(pictures.circle(10, 10)))
    storage.full_path(capture.file).unlink()
    Capture.objects.update(not_before=ago(seconds=5))
    preview_capture(pk=capture.pk)
    capture.refresh_from_db()
    assert capture.preview_failure == "No preview: the file is missing."


def test_a_file_that_keeps_ending_its_worker_is_given_up() -> None:
    capture = previewed(pictures.encoded(pictures.circle(10, 10)))
    Capture.objects.update(not_before=ago(seconds=5), attempt_count=3)
    preview_capture(pk=capture.pk)
    capture.refresh_from_db()
    assert (capture.preview_failure, capture.not_before) == (NO_PREVIEW, None)


def test_a_full_disk_is_tried_less_and_less_often_and_costs_no_preview(settings: Any) -> None:
    settings.MIN_FREE_MB = 0
    capture = previewed(pictures.encoded(pictures.circle(10, 10)))
    settings.MIN_FREE_MB = 10**9
    Capture.objects.update(thumbnail="", not_before=ago(hours=2), first_tried_at=ago(hours=2))
    preview_capture(pk=capture.pk)
    capture.refresh_from_db()
    assert (capture.preview_failure, capture.attempt_count) == ("", 0)
    assert capture.not_before > from_now(minutes=14)
    settings.MIN_FREE_MB = 0
    Capture.objects.update(not_before=ago(seconds=5))
    preview_capture(pk=capture.pk)
    capture.refresh_from_db()
    assert capture.thumbnail and capture.not_before is None


def test_another_type_of_file_has_no_preview() -> None:
    capture = previewed(b"some bytes", kind="other")
    assert (capture.preview_failure, capture.not_before) == ("", None)


def test_the_decoder_sees_no_secret_of_the_portal(
    started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "SECRET_KEY", "canary")
    assert previewed(pictures.encoded(pictures.circle(10, 10))).thumbnail
    (options,) = started
    assert "canary" not in str(options["env"])


def test_a_submission_takes_one_process(started: list[dict[str, Any]]) -> None:
    submission = make_submission(make_customer(make_service()))
    captures = [due(pictures.encoded(pictures.circle(30, 20)), submission=submission) for _ in range(10)]
    elsewhere = due(
        pictures.encoded(pictures.circle(30, 20)), submission=make_submission(submission.customer)
    )
    preview_capture(pk=captures[4].pk)
    assert len(started) == 1
    rows = Capture.objects.filter(submission=submission)
    assert [(row.width, row.not_before, bool(row.thumbnail)) for row in rows] == [(30, None, True)] * 10
    # Another exam waits for its own message.
    elsewhere.refresh_from_db()
    assert elsewhere.not_before is not None and not elsewhere.thumbnail


def test_a_file_that_ends_its_decoder_does_not_affect_the_others(started: list[dict[str, Any]]) -> None:
    good, submission = (
        pictures.encoded(pictures.circle(30, 20)),
        make_submission(make_customer(make_service())),
    )
    contents = [good, ENDS_ITSELF, good, ENDS_ALL, good]
    captures = [due(each, submission=submission) for each in contents]
    preview_capture(pk=captures[0].pk)
    rows = list(Capture.objects.filter(submission=submission))
    assert [row.width for row in rows] == [30, None, 30, None, 30]
    assert (rows[1].preview_failure, rows[1].not_before) == (NO_PREVIEW, None)
    # The rest continues in a new process; the file that ended the first one is tried three times.
    assert len(started) == 2
    assert (rows[3].preview_failure, rows[3].attempt_count) == ("", 1)
    for _ in range(2):
        Capture.objects.filter(pk=rows[3].pk).update(not_before=ago(seconds=5))
        preview_capture(pk=rows[3].pk)
    rows[3].refresh_from_db()
    assert (rows[3].preview_failure, rows[3].not_before) == (NO_PREVIEW, None)


def test_another_worker_at_the_same_submission_holds_nobody_up(started: list[dict[str, Any]]) -> None:
    submission = make_submission(make_customer(make_service()))
    first, second = (due(pictures.encoded(pictures.circle(9, 9)), submission=submission) for _ in range(2))
    Capture.objects.filter(pk=first.pk).update(lease_until=from_now(seconds=60))
    preview_capture(pk=second.pk)
    # A capture that is due and that nobody acquires would look like a worker that stands still.
    second.refresh_from_db()
    assert (second.not_before, bool(second.thumbnail)) == (None, True)
    # The lease of a dead worker expires, and nothing is lost.
    Capture.objects.filter(pk=first.pk).update(lease_until=ago(seconds=5))
    preview_capture(pk=first.pk)
    assert [bool(row.thumbnail) for row in Capture.objects.all()] == [True, True]
