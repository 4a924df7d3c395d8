"""The story in a real browser, with the portal and the sandbox open side by side."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cloud import Cloud
from tests.e2e.chromium import MILLISECONDS, NEEDS_CHROMIUM, chromium, follow, log_in
from tests.e2e.conftest import SLUG
from tests.e2e.site import Site

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(400), NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def problems() -> list[str]:
    """Complaints of the browser: refused scripts, failed requests, errors."""
    return []


def _open(browser: Browser, problems: list[str]) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(MILLISECONDS)
    page.context.on(
        "console", lambda message: problems.append(message.text) if message.type == "error" else None
    )
    page.context.on("weberror", lambda error: problems.append(str(error.error)))
    return page


def _link(cloud_page: Page, site: Site) -> Page:
    """Press Connect in the Cloud and confirm in the portal; returns the portal's page."""
    card = cloud_page.locator("li.card", has_text="Dr. Lena Fischer")
    with cloud_page.context.expect_page() as opened:
        card.get_by_role("link", name="Connect").click()
    portal = opened.value
    portal.set_default_timeout(MILLISECONDS)
    follow(portal, portal.get_by_role("main").get_by_role("link", name="Log in"))
    log_in(portal, "clinician@example.test")
    assert "token" not in portal.url
    expect(portal.locator(".identity")).to_contain_text("clinician@example.test")
    follow(portal, portal.get_by_role("button", name="Connect", exact=True))
    # The page updates automatically.
    expect(portal.get_by_role("main")).to_contain_text("linked", ignore_case=True)
    return portal


def _submit(cloud_page: Page, cloud: Cloud) -> None:
    cloud_page.goto(f"{cloud.url}/submit/cardiac-loop/")
    cloud_page.locator("input[name=identifier]").fill("BROWSER-1")
    cloud_page.locator("input[name=first_name]").fill("")
    cloud_page.locator("input[name=last_name]").fill("王伟")
    cloud_page.locator("select[name=customer]").select_option(label="Dr. Lena Fischer · Harbour Clinic")
    follow(cloud_page, cloud_page.get_by_role("button", name="Submit to service"))


def _view_exam(reviewer: Page, site: Site) -> None:
    """Find the exam in the worklist, and check that its images and its video are displayed."""
    reviewer.goto(f"{site.url}/accounts/login/")
    log_in(reviewer, "reviewer@example.test")
    row = reviewer.get_by_role("link", name="王伟").first
    for _ in range(60):
        reviewer.goto(f"{site.url}/worklist/")
        if row.is_visible():
            break
        reviewer.wait_for_timeout(1000)
    follow(reviewer, row)
    expect(reviewer.get_by_role("main")).to_contain_text("BROWSER-1")
    expect(reviewer.get_by_text("ready", exact=True).first).to_be_visible()
    reviewer.reload()
    video = reviewer.locator("video").first
    video.evaluate("video => { video.muted = true; return video.play(); }")
    reviewer.wait_for_function(
        "() => { const v = document.querySelector('video'); return v.currentTime > 0.2 && v.videoWidth > 0; }"
    )
    for _ in range(4):
        reviewer.keyboard.press("ArrowRight")
    reviewer.wait_for_function(
        "() => [...document.images].some(image => image.offsetWidth > 200 && image.naturalWidth > 200)"
    )
    # Signing needs every capture to have been displayed.
    for pick in reviewer.locator("[data-pick]").all():
        pick.click()
        seen = f"[data-frame='{pick.get_attribute('data-pick')}']:not([data-seen])"
        expect(reviewer.locator(seen)).to_be_visible()


def _report(reviewer: Page, file: Path) -> None:
    follow(reviewer, reviewer.get_by_role("link", name="Add a report"))
    reviewer.locator("input[name=name]").fill("Browser report")
    reviewer.locator("input[type=file]").set_input_files(file)
    follow(reviewer, reviewer.get_by_role("button", name="Continue"))
    main = reviewer.get_by_role("main")
    for text in ("王伟", "BROWSER-1", file.name):
        expect(main).to_contain_text(text)
    assert "BROWSER-1" not in reviewer.url + reviewer.title()
    follow(reviewer, reviewer.get_by_role("button", name="Sign and send"))
    expect(main).to_contain_text("delivered", ignore_case=True)


def test_the_whole_story_with_two_windows(
    site: Site, world: Cloud, browser: Browser, problems: list[str], report: Path
) -> None:
    site.make_account("clinician@example.test")
    site.make_account("reviewer@example.test", groups=("Reviewers",), services=(SLUG,))
    world.add_customer(name="Dr. Lena Fischer", institution="Harbour Clinic")
    cloud_page = _open(browser, problems)
    cloud_page.goto(world.url)
    expect(cloud_page.locator("body")).to_contain_text("no real patients")
    clinician = _link(cloud_page, site)
    _submit(cloud_page, world)
    reviewer = _open(browser, problems)
    _view_exam(reviewer, site)
    _report(reviewer, report)
    cloud_page.goto(f"{world.url}/reports/")
    expect(cloud_page.get_by_role("main")).to_contain_text("Browser report")
    clinician.goto(f"{site.url}/my/")
    expect(clinician.get_by_role("main")).to_contain_text("Browser report")
    assert [arrived.name for arrived in world.reports()] == ["Browser report"]
    assert problems == []
