"""A browser in which an administrator is logged in, for the pages of the desk."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, expect

from integrations.models import Service, Sync
from integrations.services.sync import read_now
from tests.e2e.chromium import chromium
from tests.people import PASSWORD, make_person

MILLISECONDS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # The event loop of the browser runs in this thread until these tests have emptied their tables.
    with pytest.MonkeyPatch.context() as patch, chromium() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        # Inside the loop Django has separate connections, which an earlier test may have broken.
        connections.close_all()
        expect.set_options(timeout=MILLISECONDS)
        yield browser


@pytest.fixture
def page(browser: Browser, live_server: Any, cloud_service: Service) -> Iterator[Page]:
    """A browser in which an administrator is logged in."""
    administrator = make_person("administrator", is_staff=True, is_superuser=True)
    for kind in Sync.Kind.values:
        read_now(service=cloud_service, kind=kind)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    page.goto(f"{live_server.url}/accounts/login/")
    page.locator("input[name=login]").fill(administrator.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()
    # Keys and settings ask for the password again.
    page.goto(f"{live_server.url}/accounts/reauthenticate/")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()
    yield page
    context.close()
