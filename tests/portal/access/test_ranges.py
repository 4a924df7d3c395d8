"""No number, date or text in an address is too much for a page or its database."""

from collections.abc import Iterator
from urllib.parse import urlencode

from django.urls import reverse

from tests.portal.access.pages import PAGES
from tests.portal.access.routes import address_of
from tests.portal.access.stage import Desk, undrawn

VALUES = (
    "99999999999999999999",
    "9" * 5000,
    "0001-01-01T00:00:00+14:00",
    "00000000-0000-0000-0000-000000000000",
    "x" * 3000,
    "١٢",
    "",
)
# What pages outside the lists of the admin read of their addresses.
CURSORS = ("after", "before", "top")
READ = {
    "worklist": ("q", *CURSORS, "state", "claim", "report", "customer", "since", "until", "x"),
    "my": ("after", "x"),
    "problems": ("of", "x"),
    "home": ("x",),
}
# Django fills in the fields of a new row, and reads how a page was opened, on every page of a row.
OF_ROWS = ("user", "service", "email", "is_reviewer", "name", "_popup", "_changelist_filters")


def addresses(desk: Desk) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The addresses, each with the names that get the same value in one request."""
    exam = reverse("exam", args=[desk.stage.submission.uuid])
    yield from ((f"{exam}status/", ("seen",)), (f"{exam}report/", ("replaces",)))
    for page, names in READ.items():
        yield from ((reverse(page), (name,)) for name in names)
    for page in PAGES:
        if page.endswith(("_add", "_change")):
            yield from ((address_of(desk, page), OF_ROWS), (address_of(desk, page), ("_to_field",)))
    yield address_of(desk, "integrations_application_change"), ("snapshot",)
    yield address_of(desk, "exams_submission_backlog"), ("customer",)


def test_no_value_in_an_address_ends_in_an_error(desk: Desk) -> None:
    browsers = {who: desk.stage.browser(who) for who in ("reviewer", "clinician")}
    browsers["superuser"] = desk.browsers["superuser"]
    failed, asked = [], 0
    with undrawn():
        for address, names in addresses(desk):
            for value in VALUES:
                for who, browser in browsers.items():
                    if address.startswith("/admin/") and who != "superuser":
                        continue
                    browser.raise_request_exception = False
                    query = urlencode(dict.fromkeys(names, value))
                    asked += 1
                    if browser.get(f"{address}?{query}").status_code >= 500:
                        failed.append((who, address, names, value[:30]))
    assert asked > 700 and not failed


def test_a_value_that_a_page_cannot_use_is_refused_with_a_sentence(desk: Desk) -> None:
    reviewer, administrator = desk.stage.browser("reviewer"), desk.browsers["superuser"]
    for browser, address in (
        (reviewer, "/worklist/?since=99999-01-01"),
        (reviewer, "/worklist/?after=99999999999999999999"),
        (reviewer, "/my/?after=x"),
        (administrator, "/problems/?of=x"),
    ):
        answer = browser.get(address)
        assert answer.status_code == 400
        page = answer.content.decode()
        assert "This filter cannot be used" in page and f'href="{address.partition("?")[0]}"' in page
