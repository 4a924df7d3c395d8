"""Walk pages by following `next`, inside one origin, never in a circle."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from integrations.clarius import fields
from integrations.clarius.errors import ProtocolError
from integrations.clarius.transport import Transport

T = TypeVar("T")
MAX_PAGES = 10_000
MAX_PASSES = 10


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page: what could be read, what could not, and how many items the Cloud counts in all."""

    results: tuple[T, ...]
    count: int
    number: int
    faulty: tuple[ProtocolError, ...] = ()


def walk(
    transport: Transport, url: str, read: Callable[[Any], T], *, max_pages: int = MAX_PAGES
) -> Iterator[Page[T]]:
    """Yield pages until `next` is null; an array counts as the only page.

    Items may move, repeat or vanish between pages: that is for the caller to bear. Raises ProtocolError
    for a page that leads elsewhere or back, and after `max_pages`; ClariusError of the calls.
    """
    visited: set[str] = set()
    for number in range(max_pages):
        visited.add(url)
        answer = transport.call("GET", url).json()
        page, following = _read_page(answer, read, number)
        yield page
        if following is None:
            return
        url = transport.own_url(following).text
        if url in visited:
            raise ProtocolError("The Cloud's pages lead in a circle.")
    raise ProtocolError("The Cloud's pages do not end.")


def read_steadily(transport: Transport, url: str, read: Callable[[Any], T]) -> Iterator[Page[T]]:
    """PollRun, and anew from the first page whenever the count fell on the way, at most ten times.

    Where new items come first, as the documents show, every item that was there all the time is yielded at
    least once; page numbers begin again with each pass. Raises what `walk` raises.
    """
    for _ in range(MAX_PASSES):
        has_fallen, count = False, 0
        for page in walk(transport, url, read):
            # What is taken away moves the rest up, and a page's worth of it past the next offset.
            has_fallen = has_fallen or page.count < count
            count = page.count
            yield page
        if not has_fallen:
            return


def _read_page(answer: Any, read: Callable[[Any], T], number: int) -> tuple[Page[T], str | None]:
    if isinstance(answer, list):
        results, faulty = _read_items(answer, read)
        return Page(results, len(answer), number, faulty), None
    source = fields.as_object(answer, what="page")
    results, faulty = _read_items(fields.as_list(source.get("results"), what="results"), read)
    count, following = source.get("count"), source.get("next")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise fields.missing("count")
    if following is not None and not isinstance(following, str):
        raise fields.missing("next")
    return Page(results, count, number, faulty), following


def _read_items(
    items: list[Any], read: Callable[[Any], T]
) -> tuple[tuple[T, ...], tuple[ProtocolError, ...]]:
    results, faulty = [], []
    for item in items:
        # One item that cannot be read must not hide the others.
        try:
            results.append(read(item))
        except ProtocolError as error:
            faulty.append(error)
    return tuple(results), tuple(faulty)
