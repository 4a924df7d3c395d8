"""Download a submission's captures, a few at a time; each ends as a durable file or as an error."""

import queue
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from django.conf import settings

from background.leases import Hold
from exams.media_types import MARKUP
from exams.storage import NewFile, StoredFile, commit_files, require_room
from integrations.clarius import MediaClient, errors

# Downloads at a time: enough to fill a line, few enough to be polite.
PARALLEL = 3
# Downloaded files that are not durable yet. They are synced together, which takes little longer than one.
MOST_UNSAVED = 12
# The largest capture over a slow line.
CAPTURE_SECONDS = 30 * 60
MB = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """The outcome for one capture: a stored file, or the error."""

    capture: int
    file: StoredFile | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class _Download:
    """The outcome of one download: a file that is not durable yet, or the error."""

    capture: int
    file: NewFile | None = None
    error: Exception | None = None


class _Abandoned(Exception):
    """Another capture's download ended the whole attempt."""


class _Crowded(Exception):
    """Other downloads use up the room at the moment, and may give it back."""


@dataclass
class _Budget:
    """The bytes that a submission may still store, shared by its downloads."""

    left: int
    # What durable files leave. Downloads in progress may still return the bytes that they took.
    sure: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, count: int, *, own: int) -> None:
        """Use up bytes for a file that has `own` already; raises TooLarge and _Crowded."""
        with self._lock:
            if own + count > self.sure:
                raise errors.TooLarge("The submission is larger than the limit.")
            if count > self.left:
                raise _Crowded
            self.left -= count

    def keep(self, count: int) -> None:
        """Count the bytes of a file that is now durable."""
        with self._lock:
            self.sure -= count

    def give_back(self, count: int) -> None:
        """Return the bytes of a file that is not kept."""
        with self._lock:
            self.left += count


def fetch_captures(*, links: Mapping[int, str], stored_bytes: int, hold: Hold) -> Iterator[Fetched]:
    """Fetch the links, keyed by capture, and yield each outcome as it comes.

    Raises LeaseLost and DeadlineExceeded, and then abandons the downloads in progress.
    """
    room = settings.SUBMISSION_MAX_MB * MB - stored_bytes
    budget = _Budget(left=room, sure=room)
    # One client for each parallel download; connections are kept from file to file.
    clients: queue.SimpleQueue[MediaClient] = queue.SimpleQueue()
    with ExitStack() as stack:
        for _ in range(PARALLEL):
            client = MediaClient(
                allowed_networks=settings.EGRESS_ALLOWED_NETWORKS, max_bytes=settings.CAPTURE_MAX_MB * MB
            )
            clients.put(stack.enter_context(client))

        def fetch(capture: int, downloads: _Downloads) -> _Download:
            client = clients.get()
            try:
                file = _fetch(client=client, url=links[capture], budget=budget, downloads=downloads)
                return _Download(capture, file=file)
            except Exception as error:
                # An error of a server or a disk concerns this file only.
                return _Download(capture, error=error)
            finally:
                clients.put(client)

        crowded: list[int] = []
        for batch in _Downloads(hold).of(fetch, links):
            crowded += [each.capture for each in batch if isinstance(each.error, _Crowded)]
            yield from _made_durable(batch, budget)
        # One at a time: a file that finds no room while no other is in progress is too large for good.
        for capture in crowded:
            for batch in _Downloads(hold).of(fetch, [capture]):
                yield from _made_durable(batch, budget)


class _Downloads:
    """Parallel downloads; those that have ended since the last batch are handed over together."""

    def __init__(self, hold: Hold) -> None:
        self.hold = hold
        self._abandoned = threading.Event()
        self._room = threading.Semaphore(MOST_UNSAVED)
        # Waiting for futures would check each of them each time: quadratic in their number.
        self._ready: queue.SimpleQueue[_Download] = queue.SimpleQueue()

    def check(self) -> None:
        """Raise if the downloads are abandoned, the lease is lost or the deadline has passed."""
        if self._abandoned.is_set():
            raise _Abandoned
        self.hold.check()

    def of(
        self, fetch: "Callable[[int, _Downloads], _Download]", captures: Collection[int]
    ) -> Iterator[list[_Download]]:
        """Fetch everything and yield it in batches; raises as `check` does."""

        def fetch_when_there_is_room(capture: int) -> None:
            self._room.acquire()
            self._ready.put(fetch(capture, self))

        left = len(captures)
        with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="capture") as pool:
            try:
                for capture in captures:
                    pool.submit(fetch_when_there_is_room, capture)
                while left:
                    batch = self._take(seconds=1)
                    try:
                        self.hold.check()
                        yield batch
                    finally:
                        _discard(batch)
                    for _ in batch:
                        self._room.release()
                    left -= len(batch)
            finally:
                self._abandoned.set()
                # Cancel first: a worker that found room would otherwise take another capture and never end.
                pool.shutdown(wait=False, cancel_futures=True)
                self._room.release(PARALLEL)
                pool.shutdown(wait=True)
                _discard(self._take(seconds=0))

    def _take(self, *, seconds: float) -> list[_Download]:
        """Return all downloads that have ended, waiting for the first; an empty list when the time is up."""
        batch: list[_Download] = []
        with suppress(queue.Empty):
            batch.append(self._ready.get(block=bool(seconds), timeout=seconds or None))
            while True:
                batch.append(self._ready.get_nowait())
        return batch


def _discard(downloads: Sequence[_Download]) -> None:
    for each in downloads:
        if each.file is not None:
            each.file.discard()


def _made_durable(batch: Sequence[_Download], budget: _Budget) -> Iterator[Fetched]:
    """Make a batch durable and yield the outcomes; a download that was crowded out has none yet."""
    files = {each.capture: each.file for each in batch if each.file is not None}
    outcomes = commit_files(list(files.values()))
    for (capture, file), outcome in zip(files.items(), outcomes, strict=True):
        if isinstance(outcome, StoredFile):
            budget.keep(file.size)
            yield Fetched(capture, file=outcome)
        else:
            budget.give_back(file.size)
            yield Fetched(capture, error=outcome)
    for each in batch:
        if each.file is None and not isinstance(each.error, _Crowded):
            yield Fetched(each.capture, error=each.error)


def _fetch(*, client: MediaClient, url: str, budget: _Budget, downloads: _Downloads) -> NewFile:
    downloads.check()
    require_room()
    file = NewFile()

    def sink(chunk: bytes) -> None:
        budget.take(len(chunk), own=file.size)
        file.write(chunk)

    try:
        done = client.download(
            url,
            sink=sink,
            on_progress=downloads.check,
            total_seconds=min(float(CAPTURE_SECONDS), downloads.hold.seconds_left),
        )
        file.flush()
        if not file.size:
            raise errors.ProtocolError("The server sent an empty file.")
        if file.media_type == MARKUP:
            raise errors.ProtocolError("The server sent a web page instead of an image.")
        if not done.is_length_verified and not file.is_whole():
            raise errors.Truncated("Nothing shows that the file is complete.")
    except BaseException:
        budget.give_back(file.size)
        file.discard()
        raise
    return file
