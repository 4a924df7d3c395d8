"""Detection of whole files, as far as their formats show it."""

import io
from collections.abc import Callable

import pytest

from exams.media_types import is_whole, media_type_of
from tests.exams import pictures


def whole(content: bytes) -> bool:
    return is_whole(io.BytesIO(content), media_type=media_type_of(content[:1024]), size=len(content))


def plain_video() -> bytes:
    return pictures.video(pictures.circle(64, 48), frames=5)


def fast_start_video() -> bytes:
    return pictures.video(pictures.circle(64, 48), frames=5, is_fast_start=True)


def jpeg() -> bytes:
    return pictures.encoded(pictures.circle(64, 48))


def png() -> bytes:
    return pictures.encoded(pictures.circle(64, 48), "PNG")


@pytest.mark.parametrize("make", [plain_video, fast_start_video, jpeg, png])
def test_a_whole_file_is_recognised_as_whole_and_a_truncated_one_never_is(make: Callable[[], bytes]) -> None:
    content = make()
    assert whole(content)
    assert [length for length in range(len(content)) if whole(content[:length])] == []


def test_a_file_of_another_type_is_never_recognised_as_whole() -> None:
    assert not whole(b"some bytes that have no end of their own")
    assert not whole(b"")


@pytest.mark.parametrize("length", [0, 1, 7, 2**40])
def test_a_video_with_a_box_of_an_impossible_length_is_never_recognised_as_whole(length: int) -> None:
    content = plain_video()
    box = (1).to_bytes(4, "big") + b"free" + length.to_bytes(8, "big") if length > 2**32 else b""
    assert not whole(content + (box or length.to_bytes(4, "big") + b"free"))


def test_a_fragmented_video_must_end_with_its_index() -> None:
    def box(kind: bytes, body: bytes = b"") -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + kind + body

    begin = box(b"ftyp", b"isom\0\0\0\0isom") + box(b"moov") + box(b"moof") + box(b"mdat", b"frames")
    assert not whole(begin)
    assert whole(begin + box(b"mfra"))
