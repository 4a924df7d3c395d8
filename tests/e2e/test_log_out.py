"""On a shared computer, going back after the log-out shows nothing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.chromium import MILLISECONDS, NEEDS_CHROMIUM, chromium, follow, log_in
from tests.e2e.site import Site

EMAIL = "clinician@example.test"
MAKE_EXAM = """
from accounts.models import User
from tests.exams.cast import ANN, add_image, add_submission
from tests.exams.rows import link, make_customer, make_service
customer = make_customer(make_service(), is_linked=False)
link(customer, user=User.objects.get())
submission = add_submission(customer, **ANN)
print(submission.uuid, add_image(submission).uuid)
"""

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(300), NEEDS_CHROMIUM]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # As in every normal browser; test drivers switch this cache off.
    with chromium(keeps_pages=True) as browser:
        yield browser


@pytest.fixture(scope="module")
def addresses(pages_only: Site) -> tuple[str, str]:
    """The addresses of an exam and of its image."""
    pages_only.make_account(EMAIL)
    exam, image = pages_only.run("shell", "-v", "0", "-c", MAKE_EXAM).split()
    return f"{pages_only.url}/exams/{exam}/", f"{pages_only.url}/captures/{image}/file/"


@pytest.fixture
def page(pages_only: Site, browser: Browser) -> Iterator[Page]:
    """A page of somebody who has just logged in."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(MILLISECONDS)
    page.goto(f"{pages_only.url}/accounts/login/")
    log_in(page, EMAIL)
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    yield page
    context.close()


def _log_out(page: Page) -> None:
    page.locator("details.account summary").click()
    follow(page, page.get_by_role("button", name="Log out"))
    expect(page.get_by_role("link", name="Log in").first).to_be_visible()


def _expect_only_the_log_in_page(page: Page) -> None:
    expect(page.locator("input[name=password]")).to_be_visible()
    assert "/accounts/login/" in page.url
    assert "Zebrowska" not in page.content()
    assert page.evaluate("[...document.images].filter(each => each.src.includes('/captures/')).length") == 0


def test_going_back_after_the_log_out_shows_neither_page_nor_image(
    page: Page, pages_only: Site, addresses: tuple[str, str]
) -> None:
    exam, image = addresses
    page.goto(image)
    assert page.evaluate("document.images[0].naturalWidth") > 0
    page.goto(exam)
    expect(page.get_by_role("main")).to_contain_text("Zebrowska")
    page.wait_for_function("[...document.images].some(each => each.naturalWidth > 0)")
    _log_out(page)
    page.go_back()
    _expect_only_the_log_in_page(page)
    page.go_back()
    _expect_only_the_log_in_page(page)


def test_the_browser_caches_no_image(page: Page, addresses: tuple[str, str]) -> None:
    exam, image = addresses
    page.goto(image)
    page.goto(exam)
    # Checked before the log-out, since a cached answer is used only with the same cookies.
    kept = page.evaluate(
        "address => fetch(address, {cache: 'only-if-cached', mode: 'same-origin'})"
        ".then(answer => answer.status, () => 0)",
        image,
    )
    assert kept in (0, 504)
