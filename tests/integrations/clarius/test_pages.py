"""Reading page by page while the list changes."""

import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.clarius import ClariusClient, Secret, errors
from integrations.clarius.pages import MAX_PASSES, follow_pages
from integrations.clarius.transport import Transport
from tests.contract.documents import example
from tests.integrations.clarius.servers import Call, Handler, serving

KEY = "Q4nmtzH5.mvIzWOlklcrFJ3iWaJTFESYCzCe8j6TQ"
LOOPBACK = ["127.0.0.1/32"]
ROW = example("current/poll")["results"][0]
Change = tuple[str, int]
changes = st.lists(
    st.lists(st.tuples(st.sampled_from(["insert", "delete"]), st.integers(0, 40)), max_size=4), max_size=9
)


def new_row() -> dict[str, Any]:
    return ROW | {"request_uuid": str(uuid.uuid4())}


class Moving:
    """A list, newest first, to which the given changes are made after each page."""

    def __init__(self, *, count: int, changes: list[list[Change]]) -> None:
        self.rows = [new_row() for _ in range(count)]
        self.lasting = {row["request_uuid"] for row in self.rows}
        self.waiting = list(changes)
        self.pages = 0

    def page(self, root: str, limit: int, offset: int) -> dict[str, Any]:
        to = f"{root}/api/public/v0/exams/accessible/?limit={limit}&offset={offset + limit}"
        answer = {
            "count": len(self.rows),
            "next": to if offset + limit < len(self.rows) else None,
            "previous": None,
            "results": self.rows[offset : offset + limit],
        }
        self.pages += 1
        for kind, position in self.waiting.pop(0) if self.waiting else []:
            if kind == "insert":
                self.rows.insert(0, new_row())
            elif self.rows:
                self.lasting.discard(self.rows.pop(position % len(self.rows))["request_uuid"])
        return answer


def test_every_item_that_stays_listed_is_seen_whatever_comes_and_goes_and_the_reading_ends() -> None:
    moving = Moving(count=0, changes=[])

    def serve(handler: Handler, call: Call) -> None:
        query = dict(part.split("=") for part in call.path.split("?")[1].split("&"))
        handler.reply(body=moving.page(handler.canary.url, int(query["limit"]), int(query.get("offset", 0))))

    with serving(serve) as cloud:
        with ClariusClient(base_url=cloud.url, api_key=KEY, allowed_networks=LOOPBACK) as client:

            @settings(max_examples=120, deadline=None)
            @given(changes, st.integers(0, 30), st.integers(1, 7))
            def read_all(changes: list[list[Change]], count: int, limit: int) -> None:
                nonlocal moving
                moving = Moving(count=count, changes=changes)
                seen = {
                    str(row.request_uuid) for page in client.exam_pages(limit=limit) for row in page.results
                }
                assert moving.lasting <= seen
                assert moving.pages <= MAX_PASSES * (count + 4 * len(changes) + 1)

            read_all()


def test_a_list_from_which_nothing_is_removed_is_read_once() -> None:
    moving = Moving(count=6, changes=[[("insert", 0)], [], []])

    def serve(handler: Handler, call: Call) -> None:
        offset = int(call.path.partition("offset=")[2] or 0)
        handler.reply(body=moving.page(handler.canary.url, 3, offset))

    with serving(serve) as cloud:
        with ClariusClient(base_url=cloud.url, api_key=KEY, allowed_networks=LOOPBACK) as client:
            pages = list(client.exam_pages(limit=3))
    assert [page.number for page in pages] == [0, 1, 2]
    assert len({row.request_uuid for page in pages for row in page.results}) == 6


def test_a_list_that_shrinks_forever_is_abandoned_without_an_error() -> None:
    def serve(handler: Handler, call: Call) -> None:
        is_first = "offset" not in call.path
        to = f"{handler.canary.url}/api/public/v0/exams/accessible/?limit=1&offset=1"
        handler.reply(
            body={"count": 2 if is_first else 1, "next": to if is_first else None, "results": [new_row()]}
        )

    with serving(serve) as cloud:
        with ClariusClient(base_url=cloud.url, api_key=KEY, allowed_networks=LOOPBACK) as client:
            assert len(list(client.exam_pages(limit=1))) == 2 * MAX_PASSES


@pytest.mark.parametrize(
    "following",
    [
        "http://evil.example/?offset=1",
        "http://127.0.0.1:1/x",
        "//evil.example/x",
        "SELF",
        "http://[x",
        "//[::1",
    ],
)
def test_a_page_that_links_elsewhere_or_in_a_circle_ends_the_reading(following: str) -> None:
    def lead(handler: Handler, call: Call) -> None:
        to = f"{handler.canary.url}{call.path}" if following == "SELF" else following
        handler.reply(body=example("current/poll") | {"next": to})

    with serving(lead) as cloud:
        with ClariusClient(base_url=cloud.url, api_key=KEY, allowed_networks=LOOPBACK) as client:
            with pytest.raises(errors.ClariusError):
                list(client.exam_pages())
    assert len(cloud.calls) == 1


@pytest.mark.parametrize(
    "following",
    ["https://127.0.0.1:PORT/second/", "https://127.0.0.1/second/", "/second/", "//127.0.0.1:PORT/second/"],
)
def test_a_link_with_the_other_scheme_or_without_a_host_is_followed_at_the_own_origin(following: str) -> None:
    def lead(handler: Handler, call: Call) -> None:
        if call.path.startswith("/second/"):
            handler.reply(body=example("current/poll") | {"next": None})
            return
        port = handler.canary.url.rpartition(":")[2]
        handler.reply(body=example("current/poll") | {"next": following.replace("PORT", port)})

    with serving(lead) as cloud:
        with ClariusClient(base_url=cloud.url, api_key=KEY, allowed_networks=LOOPBACK) as client:
            assert len(list(client.exam_pages())) == 2
    assert all("Authorization" in call.headers for call in cloud.calls)


@pytest.mark.parametrize("count", [None, "many", -1, 1.5, True, "ABSENT"])
def test_a_count_that_cannot_be_read_is_ignored(count: Any) -> None:
    body = example("current/poll") | {"count": count, "next": None}
    if count == "ABSENT":
        del body["count"]
    with serving(lambda handler, call: handler.reply(body=body)) as cloud:
        with ClariusClient(base_url=cloud.url, api_key=KEY, allowed_networks=LOOPBACK) as client:
            (page,) = client.exam_pages()
    assert (page.count, len(page.results)) == (None, len(body["results"]))


def test_pages_that_never_end_are_abandoned() -> None:
    def endless(handler: Handler, call: Call) -> None:
        following = f"{handler.canary.url}/api/public/v0/x/?offset={len(handler.canary.calls)}"
        handler.reply(body={"count": 1, "next": following, "previous": None, "results": ["token"]})

    with serving(endless) as cloud:
        transport = Transport(base_url=cloud.url, api_key=Secret(KEY), allowed_networks=LOOPBACK)
        with pytest.raises(errors.ProtocolError, match="do not end"):
            list(follow_pages(transport, f"{cloud.url}/api/public/v0/x/", str, max_pages=5))
    assert len(cloud.calls) == 5
