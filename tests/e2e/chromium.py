"""Start a real browser, and log in with it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.e2e.person import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
MILLISECONDS = 60_000
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium (Debian: apt-get install chromium)"
)


@contextmanager
def chromium(*, keeps_pages: bool = False) -> Iterator[Browser]:
    """Start Chromium without a window and end it afterwards; `keeps_pages` keeps its back-forward cache."""
    ignored = ["--disable-back-forward-cache"] if keeps_pages else []
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS), ignore_default_args=ignored
        )
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file, which run beside Django in this process."""
    # The event loop of the browser runs in this thread until these tests have emptied their tables.
    with pytest.MonkeyPatch.context() as patch, chromium() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        # Inside the loop Django has separate connections, which an earlier test may have broken.
        connections.close_all()
        yield browser


@contextmanager
def page_of(
    session: str, *, browser: Browser, url: str, width: int = 1440, height: int = 900
) -> Iterator[Page]:
    """A page at the live server `url`, with the session of somebody who has logged in."""
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=url)
    context.add_cookies([{"name": "portal_session", "value": session, "url": url}])
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    yield page
    context.close()


def follow(page: Page, element: Locator) -> None:
    """Click what leads to another page, and wait until that page listens to keys and clicks."""
    with page.expect_navigation():
        element.click()


def press(page: Page, key: str) -> None:
    """Press a key that leads to another page, and wait for that page as `follow` does."""
    with page.expect_navigation():
        page.keyboard.press(key)


def log_in(page: Page, email: str) -> None:
    """Fill in the log-in form that the page shows, and wait for the next page."""
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    follow(page, page.locator("main form button[type=submit]").first)
