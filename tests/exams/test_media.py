"""Captures are downloaded a few at a time, and a slow disk does not delay downloads."""

import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from background.leases import LeaseLost
from exams.services.media import download
from exams.services.media.download import MOST_UNSAVED, PARALLEL
from exams.storage import DiskFull, NotWritable
from integrations.clarius import errors
from tests.integrations.clarius.servers import Call, Handler, serving


class Held:
    """A lease that is never lost."""

    seconds_left = 60.0

    def check(self) -> None:
        pass


@pytest.fixture(autouse=True)
def loopback(settings: Any, tmp_path: Path) -> None:
    settings.EGRESS_ALLOWED_NETWORKS = ("127.0.0.1/32",)
    settings.MEDIA_ROOT = str(tmp_path)


def fetch(url: str, *, count: int) -> list[Any]:
    hold: Any = Held()
    links = {number: f"{url}/{number}" for number in range(count)}
    return list(download.fetch_captures(links=links, stored_bytes=0, hold=hold))


def test_no_more_than_a_few_downloads_run_at_a_time() -> None:
    running: set[int] = set()
    most: list[int] = []
    full = threading.Event()

    def answer(handler: Handler, call: Call) -> None:
        running.add(handler.client_address[1])
        most.append(len(running))
        if len(running) == PARALLEL:
            full.set()
        # The first ones wait for each other; a further one would have come by then.
        full.wait(10)
        running.discard(handler.client_address[1])
        handler.reply(body=b"x" + call.path.encode())

    with serving(answer) as storage:
        found = fetch(storage.url, count=3 * PARALLEL)
    assert [each.error for each in found] == [None] * (3 * PARALLEL)
    assert max(most) == PARALLEL


def test_files_that_wait_for_the_disk_do_not_delay_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    arrived = threading.Event()
    sync, waited = os.fsync, []

    def slow_disk(descriptor: int) -> None:
        # No file becomes durable before more have arrived than may be downloaded at a time.
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            waited.append(arrived.wait(10))
        sync(descriptor)

    def answer(handler: Handler, call: Call) -> None:
        if int(call.path[1:]) >= PARALLEL:
            arrived.set()
        handler.reply(body=call.path.encode())

    monkeypatch.setattr(os, "fsync", slow_disk)
    with serving(answer) as storage:
        found = fetch(storage.url, count=PARALLEL + 1)
    assert [each.error for each in found] == [None] * (PARALLEL + 1)
    assert waited and all(waited)


def test_no_more_files_arrive_than_may_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    sync = os.fsync
    waiting: list[int] = []

    def slow_disk(descriptor: int) -> None:
        if not waiting and stat.S_ISREG(os.fstat(descriptor).st_mode):
            _until(lambda: len(asked) >= MOST_UNSAVED)
            # Long enough for all of them if there were no limit.
            time.sleep(1)
            waiting.append(len(asked))
        sync(descriptor)

    def answer(handler: Handler, call: Call) -> None:
        asked.append(call.path)
        handler.reply(body=call.path.encode())

    monkeypatch.setattr(os, "fsync", slow_disk)
    with serving(answer) as storage:
        found = fetch(storage.url, count=3 * MOST_UNSAVED)
    assert [each.error for each in found] == [None] * (3 * MOST_UNSAVED)
    assert waiting == [MOST_UNSAVED]


def test_a_capture_that_has_arrived_when_the_lease_is_lost_leaves_no_file(tmp_path: Path) -> None:
    class Lost(Held):
        def __init__(self) -> None:
            self.is_lost = threading.Event()

        def check(self) -> None:
            if self.is_lost.is_set():
                raise LeaseLost("taken")

    hold: Any = Lost()

    def answer(handler: Handler, call: Call) -> None:
        if call.path == "/5":
            hold.is_lost.set()
        handler.reply(body=call.path.encode())

    with serving(answer) as storage:
        links = {number: f"{storage.url}/{number}" for number in range(3 * MOST_UNSAVED)}
        with pytest.raises(LeaseLost):
            list(download.fetch_captures(links=links, stored_bytes=0, hold=hold))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_file_that_cannot_be_made_durable_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync
    broken: list[int] = []

    def fail_once(descriptor: int) -> None:
        if not broken and stat.S_ISREG(os.fstat(descriptor).st_mode):
            broken.append(descriptor)
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    with serving(lambda handler, call: handler.reply(body=call.path.encode())) as storage:
        found = fetch(storage.url, count=6)
    assert sorted(type(each.error) for each in found if each.error) == [DiskFull]
    assert len([each for each in found if each.file]) == 5


@pytest.mark.parametrize("is_slow", [False, True], ids=["usual", "on a busy machine"])
def test_downloads_that_wait_for_room_end_when_the_reader_stops(
    is_slow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutdown, ended = ThreadPoolExecutor.shutdown, []

    def shut_down_later(self: ThreadPoolExecutor, *args: Any, **options: Any) -> None:
        # Give the workers time to take another capture and wait for room again.
        if is_slow:
            time.sleep(0.2)
        ended.append(self)
        shutdown(self, *args, **options)

    asked: list[str] = []

    def answer(handler: Handler, call: Call) -> None:
        asked.append(call.path)
        handler.reply(body=call.path.encode())

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", shut_down_later)
    hold: Any = Held()
    with serving(answer) as storage:
        links = {number: f"{storage.url}/{number}" for number in range(3 * MOST_UNSAVED)}
        fetched: Any = download.fetch_captures(links=links, stored_bytes=0, hold=hold)
        next(fetched)
        _until(lambda: len(asked) == MOST_UNSAVED)
        # Lets a worker take another capture; one that has not ends in the same way.
        time.sleep(0.1)
        ending = threading.Thread(target=fetched.close, daemon=True)
        ending.start()
        ending.join(10)
        assert not ending.is_alive()
    assert ended
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not [each for each in threading.enumerate() if each.name.startswith("capture")]


@pytest.mark.parametrize("taken", range(7))
def test_a_reader_that_stops_anywhere_leaves_no_file_and_no_descriptor(taken: int, tmp_path: Path) -> None:
    hold: Any = Held()
    with serving(lambda handler, call: handler.reply(body=call.path.encode())) as storage:
        links = {number: f"{storage.url}/{number}" for number in range(6)}
        before = _open_below(tmp_path)
        fetched: Any = download.fetch_captures(links=links, stored_bytes=0, hold=hold)
        for _ in range(taken):
            next(fetched)
        fetched.close()
    assert list((tmp_path / "tmp").glob("*")) == []
    assert _open_below(tmp_path) == before == []


def test_an_unexpected_error_leaves_no_file_and_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(os, "replace", fail)
    with serving(lambda handler, call: handler.reply(body=call.path.encode())) as storage:
        with pytest.raises(MemoryError):
            fetch(storage.url, count=2 * MOST_UNSAVED)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert _open_below(tmp_path) == []


def test_a_disk_that_became_read_only_is_reported_for_each_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(os, "unlink", refuse)
    with serving(lambda handler, call: handler.reply(body=call.path.encode())) as storage:
        found = fetch(storage.url, count=6)
    assert [type(each.error) for each in found] == [NotWritable] * 6


def test_the_same_bytes_in_one_batch_are_stored_for_each_capture(tmp_path: Path) -> None:
    with serving(lambda handler, call: handler.reply(body=b"same")) as storage:
        found = fetch(storage.url, count=2 * MOST_UNSAVED)
    assert len({each.file.path for each in found}) == 1
    assert sorted(each.capture for each in found) == list(range(2 * MOST_UNSAVED))
    assert (tmp_path / found[0].file.path).read_bytes() == b"same"


def test_a_folder_that_vanishes_is_reported_as_missing(tmp_path: Path) -> None:
    def answer(handler: Handler, call: Call) -> None:
        for each in (tmp_path / "tmp").iterdir():
            each.unlink()
        # A file without a length is read again.
        handler.raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\xff\xd8\xff\xd9")

    with serving(answer) as storage:
        [found] = fetch(storage.url, count=1)
    assert isinstance(found.error, NotWritable)


def test_bytes_that_are_not_kept_use_no_budget(settings: Any) -> None:
    settings.SUBMISSION_MAX_MB = settings.CAPTURE_MAX_MB = 1
    body = bytes(700_000)

    def answer(handler: Handler, call: Call) -> None:
        if call.path == "/0":
            handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + body)
        else:
            _until(lambda: bool(broken))
            handler.reply(body=body)

    broken: list[bool] = []
    with serving(answer) as storage:
        hold: Any = Held()
        links = {number: f"{storage.url}/{number}" for number in range(2)}
        found = []
        for each in download.fetch_captures(links=links, stored_bytes=0, hold=hold):
            broken.append(True)
            found.append(each)
    assert [type(each.error) for each in found] == [errors.Truncated, type(None)]


def test_bytes_of_a_download_that_breaks_later_do_not_make_another_fail(settings: Any) -> None:
    settings.SUBMISSION_MAX_MB = settings.CAPTURE_MAX_MB = 1
    stalled = threading.Event()

    def answer(handler: Handler, call: Call) -> None:
        if call.path == "/0":
            handler.connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\nConnection: close\r\n\r\n" + bytes(800_000)
            )
            stalled.set()
            # It keeps its share of the budget until the others have run into the limit.
            time.sleep(2)
            handler.close_connection = True
        else:
            stalled.wait(10)
            # If this is too short for reading the other, that one is tried again later and ends the same.
            time.sleep(0.2)
            handler.reply(body=call.path.encode() * 150_000)

    with serving(answer) as storage:
        found = fetch(storage.url, count=3)
    errors_of = {each.capture: type(each.error) for each in found}
    assert errors_of == {0: errors.Truncated, 1: type(None), 2: type(None)}


def test_the_captures_that_exceed_the_submissions_limit_fail_with_that_reason(settings: Any) -> None:
    settings.SUBMISSION_MAX_MB = settings.CAPTURE_MAX_MB = 1
    with serving(lambda handler, call: handler.reply(body=bytes(400_000))) as storage:
        found = fetch(storage.url, count=5)
    kinds = sorted(type(each.error).__name__ for each in found)
    assert kinds == ["NoneType", "NoneType", "TooLarge", "TooLarge", "TooLarge"]
    assert sorted(each.capture for each in found) == list(range(5))


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise TimeoutError


def _open_below(folder: Path) -> list[str]:
    names = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            names.append(os.readlink(each))
        except FileNotFoundError:
            continue
    return [name for name in names if name.startswith(str(folder))]
