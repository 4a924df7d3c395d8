"""Read lists page by page by following `next`, inside one origin and never in a circle."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from integrations.clarius import fields
from integrations.clarius.errors import ProtocolError
from integrations.clarius.transport import Transport

T = TypeVar("T")
# A million items at 100 a page; more is a fault of the server.
MAX_PAGES = 10_000
# A list that shrinks during each of so many passes is read as far as it goes.
MAX_PASSES = 10


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page: the items, the errors of unreadable items, and the Cloud's count of all if it is readable."""

    results: tuple[T, ...]
    count: int | None
    number: int
    faulty: tuple[ProtocolError, ...] = ()


def follow_pages(
    transport: Transport, url: str, read: Callable[[Any], T], *, max_pages: int = MAX_PAGES
) -> Iterator[Page[T]]:
    """Yield pages until `next` is null; an array counts as the only page.

    Items may move, repeat or vanish between pages, which the caller has to handle. Raises ProtocolError for
    a link to an earlier page and after `max_pages`, ForeignOrigin for a link to another origin, and the
    errors of the calls.
    """
    visited: set[str] = set()
    for number in range(max_pages):
        visited.add(url)
        answer = transport.call("GET", url).json()
        page, following = _read_page(answer, read, number)
        yield page
        if following is None:
            return
        url = transport.next_url(url, following)
        if url in visited:
            raise ProtocolError("The Cloud's pages lead in a circle.")
    raise ProtocolError("The Cloud's pages do not end.")


def read_steadily(transport: Transport, url: str, read: Callable[[Any], T]) -> Iterator[Page[T]]:
    """Yield pages, and start again from the first page when the count fell during a pass, at most ten times.

    Where new items come first, as documented, every item that was listed all the time is yielded at least
    once; page numbers restart with each pass. Raises what `follow_pages` raises.
    """
    for _ in range(MAX_PASSES):
        has_fallen, count = False, 0
        for page in follow_pages(transport, url, read):
            # A removed item moves the rest up, so the next offset may skip one.
            if page.count is not None:
                has_fallen = has_fallen or page.count < count
                count = page.count
            yield page
        if not has_fallen:
            return


def _read_page(answer: Any, read: Callable[[Any], T], number: int) -> tuple[Page[T], str | None]:
    if isinstance(answer, list):
        answer = {"results": answer, "count": len(answer)}
    source = fields.as_object(answer, what="page")
    results, faulty = [], []
    for item in fields.as_list(source.get("results"), what="results"):
        # One unreadable item must not hide the others.
        try:
            results.append(read(item))
        except ProtocolError as error:
            faulty.append(error)
    count, following = source.get("count"), source.get("next")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        # It is only shown; where the list ends says `next`.
        count = None
    if following is not None and not isinstance(following, str):
        raise fields.missing("next")
    return Page(tuple(results), count, number, tuple(faulty)), following or None
