"""The viewer says which captures it displayed; what was only fetched ahead does not count."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from exams.models import CaptureSeen, Report, Submission
from tests.e2e.chromium import NEEDS_CHROMIUM, follow, page_of
from tests.exams import pictures
from tests.exams.cast import Stage, add_file, add_image, add_report, add_submission
from tests.people import logged_in

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    NEEDS_CHROMIUM,
]


@pytest.fixture
def submission(transactional_stage: Stage) -> Submission:
    """Two images, a loop whose frames are timed and one whose frames are not, and another image."""
    submission = add_submission(transactional_stage.customer, last_name="Seen")
    film = pictures.video(pictures.circle(320, 240), frames=20)
    add_image(submission)
    add_image(submission)
    add_file(submission, film, kind="video", frame_times_ms=[*range(0, 1000, 50)])
    add_file(submission, film, kind="video")
    add_image(submission)
    return submission


@pytest.fixture
def page(transactional_stage: Stage, live_server: LiveServer, browser: Browser) -> Iterator[Page]:
    """A page of a reviewer who is logged in."""
    session = logged_in(transactional_stage.people["reviewer"]).cookies["portal_session"].value
    with page_of(session, browser=browser, url=live_server.url) as page:
        yield page


def _seen() -> list[int]:
    return list(CaptureSeen.objects.order_by("capture__position").values_list("capture__position", flat=True))


def _expect_displayed(page: Page, position: int) -> None:
    expect(page.locator(f"[data-frame='{position}']:not([data-seen])")).to_be_visible()


def test_each_capture_counts_when_it_is_displayed(submission: Submission, page: Page) -> None:
    page.goto(f"/exams/{submission.uuid}/")
    for position in (1, 2, 3, 4, 5):
        page.locator(f"[data-pick='{position}']").click()
        _expect_displayed(page, position)
        assert _seen() == list(range(1, position + 1))
    page.locator("[data-pick='3']").click()
    expect(page.locator("[data-counter]")).to_have_text("3 / 5")
    assert _seen() == [1, 2, 3, 4, 5]


def test_a_loop_that_was_passed_before_it_was_there_counts_on_return(
    submission: Submission, page: Page
) -> None:
    page.goto(f"/exams/{submission.uuid}/")
    pick = "number => document.querySelector(`[data-pick='${number}']`).click()"
    for passed in (3, 4):
        page.evaluate(f"() => {{ const pick = {pick}; pick({passed}); pick(5); }}")
        _expect_displayed(page, 5)
        page.evaluate(
            "number => new Promise(done => {"
            " const film = document.querySelector(`[data-frame='${number}'] video`);"
            " film.readyState >= 2 ? done() : film.addEventListener('loadeddata', done); })",
            passed,
        )
        page.evaluate(pick, passed)
        _expect_displayed(page, passed)


def test_a_neighbour_that_is_fetched_ahead_was_not_displayed(submission: Submission, page: Page) -> None:
    page.goto(f"/exams/{submission.uuid}/")
    _expect_displayed(page, 1)
    page.wait_for_function("() => document.querySelector('[data-frame=\"2\"] img').naturalWidth > 0")
    assert _seen() == [1]


def test_the_page_of_a_draft_links_to_each_capture_that_was_not_displayed(
    transactional_stage: Stage, submission: Submission, page: Page
) -> None:
    author = transactional_stage.people["reviewer"]
    draft = add_report(submission, state=Report.State.DRAFT, author=author)
    for position in (1, 2, 3, 4, 5):
        page.goto(f"/reports/{draft.uuid}/")
        expect(page.get_by_role("button", name="Sign and send")).to_be_disabled()
        # The picture of the report's page may still move the link away under a click.
        link = page.get_by_role("link", name=f"capture {position}", exact=True)
        page.goto(str(link.get_attribute("href")))
        _expect_displayed(page, position)
    page.goto(f"/reports/{draft.uuid}/")
    follow(page, page.get_by_role("button", name="Sign and send"))
    draft.refresh_from_db()
    assert draft.state == Report.State.SIGNED
