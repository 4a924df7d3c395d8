"""The desk in a real browser: annotations are edited by keyboard and by dragging, and axe is content."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from playwright.sync_api import Browser, Page, expect, sync_playwright

from integrations.models import Application, Customer, Mirror, NotificationRecord, Service
from integrations.services.mirrors import read_now
from tests.people import PASSWORD, make_person

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
SECONDS = 30_000
OURS = (".desk", "[data-mirror]")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # The browser's own loop runs in this thread, until the last table of these tests is emptied.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        # Inside the loop Django keeps connections of its own, which an earlier test may have seen die.
        connections.close_all()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, live_server: Any, cloud_service: Service) -> Iterator[Page]:
    """A browser in which an administrator is logged in."""
    administrator = make_person("administrator", is_staff=True, is_superuser=True)
    for kind in Mirror.Kind.values:
        read_now(service=cloud_service, kind=kind)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    page.goto(f"{live_server.url}/accounts/login/")
    page.locator("input[name=login]").fill(administrator.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()
    yield page
    context.close()


def _labels(group: Any) -> list[str]:
    found = group.locator(".annotation-labels input").evaluate_all("all => all.map(each => each.value)")
    return [str(each) for each in found]


def _type_group(page: Page, number: int, title: str, *labels: str) -> Any:
    group = page.locator("[data-group]").nth(number)
    group.locator("input[name$=-title]").fill(title)
    group.get_by_role("button", name="Add a label to this group").click()
    for place, label in enumerate(labels):
        if place:
            page.keyboard.press("Enter")
        page.keyboard.type(label)
    group.locator("input[name$=-linked]").check()
    return group


def _drag(page: Page, group: Any, *, place: int, below: int) -> None:
    items = group.locator(".annotation-labels li")
    begin = items.nth(place).locator(".annotation-handle").bounding_box()
    end = items.nth(below).bounding_box()
    page.mouse.move(begin["x"] + 5, begin["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 30, end["y"] + end["height"] - 4, steps=8)
    page.mouse.up()


def test_annotations_are_ordered_by_arrow_keys_and_by_dragging_and_saved(
    page: Page, live_server: Any
) -> None:
    application = Application.objects.get(name="Cardiac")
    page.goto(f"{live_server.url}/admin/integrations/application/{application.pk}/change/")
    _type_group(page, 0, "Side", "Left", "Right")
    page.get_by_role("button", name="Add a group").click()
    views = _type_group(page, 1, "View", "Apical", "Short axis", "Subcostal")
    views.locator(".annotation-labels li").nth(2).locator(".annotation-handle").focus()
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    assert _labels(views) == ["Subcostal", "Apical", "Short axis"]
    _drag(page, views, place=0, below=2)
    assert _labels(views) == ["Apical", "Short axis", "Subcostal"]
    views.locator("> .desk-row > .annotation-handle").first.focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("[data-preview-area]")).to_contain_text("6 labels from View × Side")
    expect(page.locator("[data-preview-area]")).to_contain_text("Subcostal Right")
    page.get_by_role("button", name="Save at Clarius Cloud").click()
    expect(page.get_by_text("Clarius Cloud has the annotations now.")).to_be_visible()
    application.refresh_from_db()
    assert application.annotations == [
        {"title": "View", "labels": ["Apical", "Short axis", "Subcostal"], "linked": True},
        {"title": "Side", "labels": ["Left", "Right"], "linked": True},
    ]


def test_the_desks_own_parts_please_axe_and_fit_a_phone(
    page: Page, live_server: Any, cloud_service: Service
) -> None:
    customer = Customer.objects.create(service=cloud_service, token="T" * 43, token_digest="a" * 64)
    application = Application.objects.get(name="Cardiac")
    root = f"{live_server.url}/admin/integrations"
    addresses = [
        f"{root}/customer/",
        f"{root}/customer/{customer.pk}/change/",
        f"{root}/customer/{customer.pk}/do/invite/",
        f"{root}/notificationrecord/",
        f"{root}/application/",
        f"{root}/application/{application.pk}/change/",
        f"{root}/application/{application.pk}/import/",
        f"{root}/application/{application.pk}/remove/",
    ]
    assert not NotificationRecord.objects.exists()
    page.set_viewport_size({"width": 390, "height": 844})
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
        for part in OURS:
            if page.locator(part).count():
                answer = Axe().run(page, context=part).response
                assert [each["id"] for each in answer["violations"]] == [], address
