"""Fetch a submission's captures, a few at a time, each to a durable file or to an error of its own."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from django.conf import settings

from background.leases import Holding
from exams.media_types import MARKUP
from exams.storage import NewFile, StoredFile, new_file, require_room
from integrations.clarius import MediaClient, errors
from integrations.services.clients import media_client

PARALLEL = 4
CAPTURE_SECONDS = 30 * 60
MB = 1 << 20


@dataclass(frozen=True)
class Fetched:
    """What became of one capture: a file, or the error."""

    capture: int
    file: StoredFile | None = None
    error: Exception | None = None


class _Abandoned(Exception):
    """Another capture met something that ends the whole attempt."""


@dataclass
class _Budget:
    """The bytes that a submission may still store, shared by its downloads."""

    left: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, count: int) -> None:
        """Use up bytes; raises TooLarge when there are none left."""
        with self._lock:
            self.left -= count
            if self.left < 0:
                raise errors.TooLarge("The submission is larger than the limit.")


def fetch_captures(*, links: Mapping[int, str], stored_bytes: int, held: Holding) -> Iterator[Fetched]:
    """Fetch the links, keyed by capture, and yield each outcome as it comes.

    Raises LeaseLost and DeadlineExceeded; then what is still under way is abandoned.
    """
    budget = _Budget(left=settings.SUBMISSION_MAX_MB * MB - stored_bytes)
    abandoned = threading.Event()

    def check() -> None:
        if abandoned.is_set():
            raise _Abandoned
        held.check()

    def fetch(capture: int) -> Fetched:
        try:
            return Fetched(capture, file=_fetch(url=links[capture], budget=budget, check=check, held=held))
        except Exception as error:
            # Whatever a server or a disk does to one file stays with that file.
            return Fetched(capture, error=error)

    with ThreadPoolExecutor(max_workers=PARALLEL, thread_name_prefix="capture") as pool:
        pending: set[Future[Fetched]] = {pool.submit(fetch, capture) for capture in links}
        try:
            while pending:
                done, pending = wait(pending, timeout=1, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
                held.check()
        finally:
            abandoned.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _fetch(*, url: str, budget: _Budget, check: Callable[[], None], held: Holding) -> StoredFile:
    check()
    require_room()
    seconds = min(float(CAPTURE_SECONDS), held.seconds_left)
    with (
        media_client(max_bytes=settings.CAPTURE_MAX_MB * MB, total_seconds=seconds) as client,
        new_file() as file,
    ):
        is_length_verified = _download(client=client, url=url, file=file, budget=budget, check=check)
        _require_capture(file, is_length_verified=is_length_verified)
        check()
        return file.commit()


def _download(
    *, client: MediaClient, url: str, file: NewFile, budget: _Budget, check: Callable[[], None]
) -> bool:
    def sink(chunk: bytes) -> None:
        budget.take(len(chunk))
        file.write(chunk)

    return client.download(url, sink=sink, on_progress=check).is_length_verified


def _require_capture(file: NewFile, *, is_length_verified: bool) -> None:
    if not file.size:
        raise errors.ProtocolError("The server sent an empty file.")
    if file.media_type == MARKUP:
        raise errors.ProtocolError("The server sent a web page instead of an image.")
    if not is_length_verified and not file.is_whole():
        raise errors.Truncated("Nothing shows that the file is complete.")
