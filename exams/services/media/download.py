"""Fetch a submission's captures, a few at a time, each to a durable file or to an error of its own."""

import queue
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from django.conf import settings

from background.leases import Hold
from exams.media_types import MARKUP
from exams.storage import NewFile, StoredFile, commit_files, require_room
from integrations.clarius import MediaClient, errors

# Downloads at a time, and files that may have arrived without being durable yet.
PARALLEL = 3
ARRIVED = 12
CAPTURE_SECONDS = 30 * 60
MB = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """What became of one capture: a file, or the error."""

    capture: int
    file: StoredFile | None = None
    error: Exception | None = None


@dataclass(frozen=True)
class _Arrival:
    """What a download left: a file that is not durable yet, or the error."""

    capture: int
    file: NewFile | None = None
    error: Exception | None = None


class _Abandoned(Exception):
    """Another capture met something that ends the whole attempt."""


class _Crowded(Exception):
    """Other downloads use up the room at the moment; whether they will be kept is not known yet."""


@dataclass
class _Budget:
    """The bytes that a submission may still store, shared by its downloads."""

    left: int
    # What durable files leave; downloads under way may still give back what they took.
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
        """Note the bytes of a file that is durable."""
        with self._lock:
            self.sure -= count

    def give_back(self, count: int) -> None:
        """Return the bytes of a file that is not kept."""
        with self._lock:
            self.left += count


class _Clients:
    """As many clients as there may be downloads at a time; their connections are kept from file to file."""

    def __init__(self, stack: ExitStack) -> None:
        self._free: queue.SimpleQueue[MediaClient] = queue.SimpleQueue()
        for _ in range(PARALLEL):
            client = MediaClient(
                allowed_networks=settings.EGRESS_ALLOWED_NETWORKS, max_bytes=settings.CAPTURE_MAX_MB * MB
            )
            self._free.put(stack.enter_context(client))

    @contextmanager
    def borrow(self) -> Iterator[MediaClient]:
        """Wait for a client that nobody uses."""
        client = self._free.get()
        try:
            yield client
        finally:
            self._free.put(client)


def fetch_captures(*, links: Mapping[int, str], stored_bytes: int, held: Hold) -> Iterator[Fetched]:
    """Fetch the links, keyed by capture, and yield each outcome as it comes.

    Raises LeaseLost and DeadlineExceeded; then what is still under way is abandoned.
    """
    room = settings.SUBMISSION_MAX_MB * MB - stored_bytes
    budget = _Budget(left=room, sure=room)
    with ExitStack() as stack:
        clients = _Clients(stack)

        def fetch(capture: int, arrivals: _Arrivals) -> _Arrival:
            try:
                with clients.borrow() as client:
                    file = _fetch(client=client, url=links[capture], budget=budget, arrivals=arrivals)
                return _Arrival(capture, file=file)
            except Exception as error:
                # Whatever a server or a disk does to one file stays with that file.
                return _Arrival(capture, error=error)

        crowded: list[int] = []
        for batch in _Arrivals(held).of(fetch, links):
            crowded += [each.capture for each in batch if isinstance(each.error, _Crowded)]
            yield from _made_durable(batch, budget)
        # One at a time: with no other under way, a file that finds no room is too large for good.
        for capture in crowded:
            for batch in _Arrivals(held).of(fetch, [capture]):
                yield from _made_durable(batch, budget)


class _Arrivals:
    """Downloads, a few at a time; what has arrived since the last look is handed over together."""

    def __init__(self, held: Hold) -> None:
        self.held = held
        self._abandoned = threading.Event()
        self._room = threading.Semaphore(ARRIVED)
        # Waiting for futures would look at each for each that comes: the square of their number.
        self._ready: queue.SimpleQueue[_Arrival] = queue.SimpleQueue()

    def check(self) -> None:
        """Raise when it is of no use to go on."""
        if self._abandoned.is_set():
            raise _Abandoned
        self.held.check()

    def of(
        self, fetch: "Callable[[int, _Arrivals], _Arrival]", captures: Collection[int]
    ) -> Iterator[list[_Arrival]]:
        """Fetch everything and yield what has arrived since the last time; raises as `check` does."""

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
                        self.held.check()
                        yield batch
                    finally:
                        _discard(batch)
                    for _ in batch:
                        self._room.release()
                    left -= len(batch)
            finally:
                self._abandoned.set()
                # In this order: a worker that found room first would take another capture and wait for ever.
                pool.shutdown(wait=False, cancel_futures=True)
                self._room.release(PARALLEL)
                pool.shutdown(wait=True)
                _discard(self._take(seconds=0))

    def _take(self, *, seconds: float) -> list[_Arrival]:
        """Return all that has arrived, waiting for the first; nothing when the time is up."""
        batch: list[_Arrival] = []
        with suppress(queue.Empty):
            batch.append(self._ready.get(block=bool(seconds), timeout=seconds or None))
            while True:
                batch.append(self._ready.get_nowait())
        return batch


def _discard(arrivals: Sequence[_Arrival]) -> None:
    for each in arrivals:
        if each.file is not None:
            each.file.discard()


def _made_durable(batch: Sequence[_Arrival], budget: _Budget) -> Iterator[Fetched]:
    """Yield what became of each; one that was crowded out has no outcome yet."""
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


def _fetch(*, client: MediaClient, url: str, budget: _Budget, arrivals: _Arrivals) -> NewFile:
    arrivals.check()
    require_room()
    file = NewFile()

    def sink(chunk: bytes) -> None:
        budget.take(len(chunk), own=file.size)
        file.write(chunk)

    try:
        done = client.download(
            url,
            sink=sink,
            on_progress=arrivals.check,
            total_seconds=min(float(CAPTURE_SECONDS), arrivals.held.seconds_left),
        )
        file.flush()
        _require_capture(file, is_length_verified=done.is_length_verified)
    except BaseException:
        budget.give_back(file.size)
        file.discard()
        raise
    return file


def _require_capture(file: NewFile, *, is_length_verified: bool) -> None:
    if not file.size:
        raise errors.ProtocolError("The server sent an empty file.")
    if file.media_type == MARKUP:
        raise errors.ProtocolError("The server sent a web page instead of an image.")
    if not is_length_verified and not file.is_whole():
        raise errors.Truncated("Nothing shows that the file is complete.")
