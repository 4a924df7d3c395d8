"""Stored files are complete, private and stored once; files that no row names are deleted after a day."""

import errno
import hashlib
import io
import os
import stat
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exams import storage
from exams.media_types import media_type_of
from exams.services.maintenance.cleaning import collect_files
from tests.exams.rows import make_capture, make_customer, make_service, make_submission


@pytest.fixture(autouse=True)
def media_root(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MIN_FREE_MB = 0
    return tmp_path / "media"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_stored_file_is_found_under_its_hash(media_root: Path) -> None:
    stored = storage.store_upload([b"ab", b"", b"cd"])
    sha256 = hashlib.sha256(b"abcd").hexdigest()
    assert (stored.sha256, stored.size, stored.path) == (sha256, 4, f"files/{sha256[:2]}/{sha256}")
    with storage.open_file(stored.path) as file:
        assert file.read() == b"abcd"
    assert storage.size(stored.path) == 4
    [path] = files(media_root)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_same_bytes_are_stored_once(media_root: Path) -> None:
    assert storage.store_upload([b"twice"]) == storage.store_upload([b"tw", b"ice"])
    assert len(files(media_root)) == 1


def test_writers_of_the_same_bytes_do_not_disturb_each_other(media_root: Path) -> None:
    threads = [threading.Thread(target=storage.store_upload, args=([b"same" * 1000],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(media_root)) == 1


def test_an_interrupted_body_leaves_no_file(media_root: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        storage.store_upload(broken())
    assert files(media_root) == []


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../x", "files/../../x", "files/ab/" + "a" * 63, "tmp/x", "files/ab/\n" + "a" * 64],
)
def test_a_path_that_the_store_did_not_make_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="store"):
        storage.open_file(path)


def test_too_little_room_is_reported_before_a_byte_is_written(settings: Any, media_root: Path) -> None:
    settings.MIN_FREE_MB = 1 << 40
    with pytest.raises(storage.DiskFull):
        storage.store_upload([b"x"])
    assert files(media_root) == []


def test_a_disk_that_fills_up_while_writing_is_reported_and_leaves_no_file(
    media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    (media_root / "tmp").mkdir(parents=True)
    with pytest.raises(storage.DiskFull):
        storage.store_upload([b"x"])
    assert files(media_root) == []


def test_a_folder_that_cannot_be_written_to_is_reported(media_root: Path) -> None:
    media_root.parent.mkdir(exist_ok=True)
    media_root.write_text("not a folder")
    with pytest.raises(storage.NotWritable):
        storage.store_upload([b"x"])


def test_a_file_in_tiny_chunks_takes_no_more_memory_than_another() -> None:
    file = storage.NewFile()
    tracemalloc.start()
    try:
        for number in range(100_000):
            file.write(number.to_bytes(2, "big") if number < 1 << 16 else b"")
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    [stored] = storage.commit_files([file])
    assert used < storage.STEP
    assert isinstance(stored, storage.StoredFile)
    expected = b"".join(number.to_bytes(2, "big") for number in range(1 << 16))
    assert (stored.size, stored.sha256) == (1 << 17, hashlib.sha256(expected).hexdigest())


def test_a_disk_that_ignores_advice_stores_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*args: Any) -> None:
        asked.append(args)
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "posix_fadvise", refuse)
    pieces = [bytes(storage.AHEAD // 4)] * 5
    assert storage.store_upload(pieces).size == 5 * storage.AHEAD // 4
    assert asked


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "mkdir", "folder's fsync"])
def test_a_full_disk_at_any_step_is_reported_and_leaves_nothing(
    call: str, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.store_upload([b"The folders are there."])
    owner: Any = io.FileIO if call == "write" else Path if call == "mkdir" else os
    name = call.removeprefix("folder's ")
    original = getattr(owner, name)

    def fail(*args: Any, **options: Any) -> Any:
        if call == "folder's fsync" and stat.S_ISREG(os.fstat(args[0]).st_mode):
            return original(*args, **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "write":
        full = type("Full", (io.FileIO,), {"write": fail})
        monkeypatch.setattr(io, "FileIO", full)
    else:
        monkeypatch.setattr(owner, name, fail)
    with pytest.raises(storage.DiskFull):
        storage.store_upload([b"x"])
    assert files(media_root / "tmp") == []


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", "video/mp4"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "application/octet-stream"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\x00" * 128 + b"DICM", "application/dicom"),
        (b"<!DOCTYPE html><html>", "text/html"),
        (b"\xef\xbb\xbf  <html>", "text/html"),
        (b"<?xml version='1.0'?><Error>", "text/html"),
        (b"<svg onload=alert(1)>", "text/html"),
        (b"GIF89a<script>", "image/gif"),
        (b"MZ\x90", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_type_comes_from_the_bytes(head: bytes, expected: str) -> None:
    assert media_type_of(head) == expected


@pytest.mark.django_db
def test_only_orphans_are_deleted_after_a_day(media_root: Path) -> None:
    kept = storage.store_upload([b"named by a row"])
    thumbnail = storage.store_upload([b"named as a thumbnail"])
    orphan = storage.store_upload([b"named by nobody"])
    capture = make_capture(make_submission(make_customer(make_service())), file=kept.path)
    type(capture).objects.filter(pk=capture.pk).update(thumbnail=thumbnail.path)
    (media_root / "tmp" / "left-behind").write_bytes(b"x")
    assert collect_files() == 0
    long_ago = time.time() - 25 * 3600
    for path in files(media_root):
        os.utime(path, (long_ago, long_ago))
    fresh = storage.store_upload([b"stored just now"])
    assert collect_files() == 2
    assert {str(path.relative_to(media_root)) for path in files(media_root)} == {
        kept.path,
        thumbnail.path,
        fresh.path,
    }
    assert not (media_root / orphan.path).exists()
