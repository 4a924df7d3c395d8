"""Start a real browser, and log in with it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.person import PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
SECONDS = 60_000
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None, reason="needs Chromium (Debian: apt-get install chromium)"
)


@contextmanager
def chromium(*, keeps_pages: bool = False) -> Iterator[Browser]:
    """Start Chromium without a window and end it afterwards; `keeps_pages` keeps its back-forward cache."""
    ignored = ["--disable-back-forward-cache"] if keeps_pages else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS), ignore_default_args=ignored
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(session: str, *, url: str, width: int = 1440, height: int = 900) -> Iterator[Page]:
    """A page at the live server `url`, with the session of somebody who has logged in."""
    # The browser's driver runs an event loop in this thread.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with chromium() as browser:
            context = browser.new_context(viewport={"width": width, "height": height}, base_url=url)
            context.add_cookies([{"name": "portal_session", "value": session, "url": url}])
            page = context.new_page()
            page.set_default_timeout(30_000)
            yield page


def log_in(page: Page, email: str) -> None:
    """Fill in the log-in form that the page shows."""
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
