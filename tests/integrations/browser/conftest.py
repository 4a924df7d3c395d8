"""A browser in which an administrator is logged in, for the pages of the desk."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from integrations.models import Service, Sync
from integrations.services.sync import read_now
from tests.e2e.chromium import page_of
from tests.people import PASSWORD, logged_in, make_person


@pytest.fixture
def page(browser: Browser, live_server: Any, cloud_service: Service) -> Iterator[Page]:
    """A browser in which an administrator is logged in."""
    for kind in Sync.Kind.values:
        read_now(service=cloud_service, kind=kind)
    client = logged_in(make_person("administrator", is_staff=True, is_superuser=True))
    # Keys and settings ask for the password again.
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    with page_of(client.cookies["portal_session"].value, browser=browser, url=live_server.url) as page:
        yield page
