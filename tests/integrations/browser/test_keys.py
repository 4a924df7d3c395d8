"""The page of keys in a real browser: it asks first, and shows the progress of a rotation automatically."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from background.runner import run
from integrations.models import ApiKey, KeyRotation, Service
from integrations.services.keys.rotation import ROTATE
from tests.e2e.chromium import NEEDS_CHROMIUM, follow

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    NEEDS_CHROMIUM,
]


def _is_sound(page: Page) -> None:
    found = Axe().run(page, context={"include": [[".desk"]]})
    assert found.response["violations"] == []


def test_a_rotation_asks_first_and_shows_progress_without_a_reload(
    cloud: Any,
    cloud_service: Service,
    live_server: Any,
    page: Page,
) -> None:
    old = ApiKey.objects.get()
    keys = f"{live_server.url}/admin/integrations/service/{cloud_service.pk}/keys/"
    page.goto(keys)
    follow(page, page.get_by_role("button", name="Rotate key"))
    expect(page.get_by_role("heading", name=f"rotate the key {old.prefix}")).to_be_visible()
    _is_sound(page)
    follow(page, page.get_by_role("button", name="Rotate key"))
    expect(page.get_by_role("heading", name="The key in use is being rotated")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel rotation")).to_be_visible()
    run(ROTATE, pk=KeyRotation.objects.get().pk)
    new = KeyRotation.objects.get().new_prefix
    # Nobody reloads: the row of the table changes together with the steps.
    row = page.locator("tr", has_text=new)
    expect(row).to_contain_text("in use")
    expect(page.locator("tr", has_text=old.prefix)).to_contain_text("being replaced")
    _is_sound(page)


def test_a_key_that_only_the_cloud_has_is_revoked_after_a_warning(
    cloud: Any,
    cloud_service: Service,
    live_server: Any,
    page: Page,
) -> None:
    stranger = cloud.new_key(name="staging").partition(".")[0]
    page.goto(f"{live_server.url}/admin/integrations/service/{cloud_service.pk}/keys/")
    follow(page, page.get_by_role("button", name="Refresh list"))
    follow(page, page.get_by_role("button", name=f"Revoke {stranger}"))
    expect(page.get_by_text("Another deployment may use it")).to_be_visible()
    _is_sound(page)
    follow(page, page.get_by_role("link", name="Cancel"))
    follow(page, page.get_by_role("button", name=f"Revoke {stranger}"))
    follow(page, page.get_by_role("button", name="Revoke key"))
    expect(page.get_by_text("was revoked")).to_be_visible()
    expect(page.locator("tr", has_text=stranger)).to_have_count(0)
