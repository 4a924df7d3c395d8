"""The pages of the administration and of the sandbox work in Chromium under their policies."""

from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser

import pytest
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.cloud import Cloud
from tests.e2e.chromium import NEEDS_CHROMIUM, follow, page_of
from tests.people import proven
from tests.portal.access.routes import address_of, find_pages
from tests.portal.access.stage import Desk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, NEEDS_CHROMIUM]
# The address without a final slash, which only redirects, and what ends the session.
LEFT_OUT = {"logout", "catch_all"}
# Chromium says what it refused in the console; this also names the directive and the element.
REPORT = """document.addEventListener('securitypolicyviolation', event => console.error(
  `policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile} ${event.sample}`))"""


@pytest.fixture
def session(desk: Desk) -> str:
    """A session whose password was typed a moment ago, so that every page opens."""
    return str(proven(desk.stage.people["superuser"]).cookies["portal_session"].value)


@contextmanager
def _watched(browser: Browser, session: str, url: str) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what Chromium complained about on it."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{page.url}: {message.text}")

    with page_of(session, browser=browser, url=url) as page:
        page.add_init_script(REPORT)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        yield page, complaints


def _shown(desk: Desk, session: str) -> list[str]:
    """Return the address of every whole page of the administration."""
    client = Client()
    client.cookies["portal_session"] = session
    found = {address_of(desk, name) for name in find_pages() if name not in LEFT_OUT}
    answers = {address: client.get(address) for address in sorted(found)}
    return [
        address
        for address, answer in answers.items()
        if answer.status_code == 200 and b"<html" in answer.content
    ]


def test_every_page_of_the_administration_keeps_to_its_policy(
    desk: Desk, session: str, live_server: LiveServer, browser: Browser
) -> None:
    addresses = _shown(desk, session)
    assert len(addresses) > 60
    with _watched(browser, session, live_server.url) as (page, complaints):
        for address in addresses:
            answer = page.goto(address)
            assert answer is not None
            assert "'unsafe-eval'" in answer.headers["content-security-policy"], address
    assert complaints == []


def test_what_the_theme_does_with_scripts_works(
    desk: Desk, session: str, live_server: LiveServer, browser: Browser
) -> None:
    with _watched(browser, session, live_server.url) as (page, complaints):
        page.goto("/admin/accounts/invitation/add/")
        page.locator("input[name=email]").fill("guest@example.test")
        page.locator("input[name=is_reviewer]").check()
        follow(page, page.locator("button[name=_save], input[name=_save]").first)
        expect(page.get_by_text("guest@example.test will receive a link").first).to_be_visible()
        page.locator("input.action-select").first.check()
        page.locator("select[name=action]").select_option("send_again")
        follow(page, page.locator("button[name=index], button:has-text('Run')").first)
        expect(page.get_by_text("will be mailed again").first).to_be_visible()
        page.goto("/admin/")
        page.keyboard.press("Control+k")
        page.locator("#search-input-command").press_sequentially("invitations")
        expect(page.locator("#command-results a").first).to_be_visible()
        page.goto(f"/admin/accounts/user/{desk.stage.people['reviewer'].pk}/change/")
        # Made by a script out of the plain list.
        expect(page.locator(".selector").first).to_be_visible()
    assert complaints == []


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") or ""
        if tag == "a" and target.startswith("/"):
            self.found.add(target)


def test_the_pages_of_the_sandbox_keep_to_their_policy(cloud: Cloud, browser: Browser) -> None:
    customer = cloud.add_customer(name="Dr. Ada Osei", institution="Harbour Clinic")
    cloud.submit(customer=customer.token)
    with _watched(browser, "none", cloud.url) as (page, complaints):
        seen, ahead = set(), {"/"}
        while ahead and len(seen) < 60:
            address = min(ahead)
            seen.add(address)
            answer = page.goto(address)
            assert answer is not None
            if answer.headers.get("content-type", "").startswith("text/html"):
                assert "default-src 'none'" in answer.headers["content-security-policy"], address
                links = _Links()
                links.feed(page.content())
                ahead |= {each.split("#")[0] for each in links.found}
            ahead -= seen
    assert len(seen) > 8
    assert complaints == []
