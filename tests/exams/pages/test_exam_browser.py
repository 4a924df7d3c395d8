"""The worklist and the exam page in a real browser: forward, back, captures, and loops by keyboard."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from exams.models import Submission
from tests.e2e.chromium import NEEDS_CHROMIUM, follow, page_of, press
from tests.exams import pictures
from tests.exams.cast import Stage, add_file, add_image, add_submission
from tests.exams.rows import make_capture
from tests.people import logged_in

SHOWN = "/worklist/?state=ready"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    NEEDS_CHROMIUM,
]


@pytest.fixture
def page(transactional_stage: Stage, live_server: LiveServer, browser: Browser) -> Iterator[Page]:
    """A page of a reviewer who is logged in."""
    session = logged_in(transactional_stage.people["reviewer"]).cookies["portal_session"].value
    with page_of(session, browser=browser, url=live_server.url) as page:
        yield page


def _add_older(stage: Stage, *names: str) -> None:
    for hours, name in enumerate(names, start=1):
        at = timezone.now() - timedelta(hours=hours)
        add_image(add_submission(stage.customer, last_name=name, submitted_at=at))


def test_keys_and_links_lead_from_exam_to_exam_and_back_to_the_same_list(
    transactional_stage: Stage, page: Page
) -> None:
    _add_older(transactional_stage, "Second", "Third")
    page.goto(SHOWN)
    follow(page, page.locator(".row-link").first)
    first = page.get_by_role("link", name="Previous exam")
    expect(first).to_be_hidden()
    press(page, "n")
    expect(page.locator("h1")).to_contain_text("Second")
    follow(page, page.get_by_role("link", name="Next exam"))
    expect(page.locator("h1")).to_contain_text("Third")
    expect(page.get_by_role("link", name="Next exam")).to_be_hidden()
    press(page, "p")
    expect(page.locator("h1")).to_contain_text("Second")
    press(page, "w")
    assert page.url.endswith(SHOWN)


def test_the_pages_of_a_report_link_onward_too(transactional_stage: Stage, page: Page) -> None:
    _add_older(transactional_stage, "Second")
    page.goto(SHOWN)
    follow(page, page.locator(".row-link").first)
    follow(page, page.get_by_role("link", name="Add a report"))
    page.locator("input[name=name]").press("n")
    follow(page, page.get_by_role("link", name="Next exam"))
    expect(page.locator("h1")).to_contain_text("Second")


def test_an_exam_that_was_not_in_the_list_links_back_to_the_list_only(
    transactional_stage: Stage, page: Page
) -> None:
    page.goto("/worklist/?state=failed")
    page.goto(f"/exams/{transactional_stage.submission.uuid}/")
    expect(page.get_by_role("link", name="Next exam")).to_be_hidden()
    follow(page, page.get_by_role("link", name="‹ Worklist"))
    assert page.url.endswith("/worklist/?state=failed")


def test_claiming_keeps_the_shown_capture(transactional_stage: Stage, page: Page) -> None:
    page.goto(f"/exams/{transactional_stage.submission.uuid}/")
    page.keyboard.press("j")
    expect(page.locator("[data-counter]")).to_have_text("2 / 2")
    follow(page, page.get_by_role("button", name="Claim"))
    expect(page.get_by_text("Claimed by you")).to_be_visible()
    expect(page.locator("[data-counter]")).to_have_text("2 / 2")


def test_a_loop_is_played_and_stepped_by_buttons_and_keys(transactional_stage: Stage, page: Page) -> None:
    submission = add_submission(transactional_stage.customer, last_name="Loop")
    film = pictures.video(pictures.circle(320, 240), frames=40)
    add_file(submission, film, kind="video", frame_times_ms=[*range(0, 2000, 50)])
    page.goto(f"/exams/{submission.uuid}/")
    button = page.locator("[data-play]")
    expect(button).to_have_text("Play")
    page.keyboard.press("Space")
    expect(button).to_have_text("Pause")
    button.click()
    expect(button).to_have_text("Play")
    label = page.locator("[data-frame-label]")
    page.get_by_role("button", name="One frame forward").click()
    before = label.inner_text()
    page.get_by_role("button", name="One frame back").click()
    expect(label).not_to_have_text(before)
    page.goto(f"/exams/{transactional_stage.submission.uuid}/")
    expect(button).to_be_hidden()


def _await(stage: Stage, **fields: Any) -> Submission:
    submission = add_submission(stage.customer, last_name="Moving", state="fetching", **fields)
    for position in (1, 2, 3):
        make_capture(submission, state="pending", position=position)
    return submission


def _arrive(submission: Submission, position: int) -> None:
    # The page asks while it is open, and would show each step.
    with transaction.atomic():
        submission.captures.filter(position=position).delete()
        add_image(submission, position=position)


def test_the_viewer_starts_once_there_is_a_capture_to_show(transactional_stage: Stage, page: Page) -> None:
    submission = _await(transactional_stage)
    address = f"/exams/{submission.uuid}/"
    page.goto(address)
    expect(page.locator("[data-counter]")).to_have_text("1 / 3")
    submission.captures.filter(position=1).update(state="failed", failure_reason="gone")
    _arrive(submission, 2)
    expect(page.locator("[data-counter]")).to_have_text("2 / 3")
    # What the reader picks is shown again, whatever it is.
    page.locator('[data-pick="1"]').click()
    page.goto("/worklist/")
    page.goto(address)
    expect(page.locator("[data-counter]")).to_have_text("1 / 3")


def test_an_open_question_stays_open_while_captures_arrive(transactional_stage: Stage, page: Page) -> None:
    holder = transactional_stage.people["administrator"]
    submission = _await(transactional_stage, claimed_by=holder, claimed_at=timezone.now())
    page.goto(f"/exams/{submission.uuid}/")
    page.locator("summary", has_text="Take over").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Take over", exact=True)
    expect(button).to_be_focused()
    _arrive(submission, 1)
    expect(page.locator("#capture-1 img")).to_have_count(1)
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Claimed by you")).to_be_visible()


SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifts.push(shift.value);
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_the_exam_page_does_not_jump_while_it_loads(
    transactional_stage: Stage, page: Page, width: int, height: int
) -> None:
    submission = transactional_stage.submission
    for _ in range(4):
        add_image(submission)
    make_capture(submission, state="pending")
    page.set_viewport_size({"width": width, "height": height})
    page.add_init_script(SHIFTS)
    page.goto(f"/exams/{submission.uuid}/", wait_until="networkidle")
    expect(page.locator(".viewer.is-single")).to_be_visible()
    assert sum(page.evaluate("window.shifts")) <= 0.02
