"""The administrator's desk in a real browser: a bulk retry, a map with its live preview, and axe."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from exams.models import Submission
from tests.e2e.chromium import NEEDS_CHROMIUM, follow, page_of
from tests.exams.cast import Stage
from tests.exams.desk.answers import ANSWER
from tests.exams.rows import make_submission
from tests.people import logged_in

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    NEEDS_CHROMIUM,
]


@pytest.fixture
def problems() -> list[str]:
    """What the browser complained about: missing files, errors of scripts."""
    return []


@pytest.fixture
def page(stage: Stage, live_server: LiveServer, browser: Browser, problems: list[str]) -> Iterator[Page]:
    """A page of an administrator who is logged in."""
    session = logged_in(stage.people["administrator"]).cookies["portal_session"].value
    with page_of(session, browser=browser, url=live_server.url) as page:
        page.on("response", lambda r: problems.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page


def axe(page: Page) -> list[Any]:
    """What axe finds in the part of the page that is ours."""
    found = Axe().run(page, context="#content").response["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


def test_failed_submissions_are_fetched_again_in_bulk(stage: Stage, page: Page, problems: list[str]) -> None:
    for _ in range(3):
        make_submission(stage.customer, state="failed", failure_reason="No room.")
    page.goto("/admin/")
    assert axe(page) == []
    follow(page, page.get_by_role("link", name="No room."))
    page.locator("#action-toggle").first.check()
    page.locator("select[name=action]").select_option("retry")
    follow(page, page.get_by_role("button", name="Run"))
    expect(page.get_by_role("heading", name="Fetch again?")).to_be_visible()
    assert axe(page) == []
    follow(page, page.get_by_role("button", name="Fetch again"))
    expect(page.get_by_text("3 of 3 submissions are fetched again.")).to_be_visible()
    assert Submission.objects.filter(state="received").count() == 3
    assert problems == []


def test_a_map_is_previewed_while_it_is_typed(stage: Stage, page: Page, problems: list[str]) -> None:
    Submission.objects.filter(pk=stage.submission.pk).update(raw_data=json.dumps(ANSWER))
    page.goto(f"/admin/exams/fieldmap/{stage.service.pk}/map/")
    page.get_by_label("Examination time").fill("exam.started")
    expect(page.get_by_text("a date and time with its zone")).to_be_visible()
    page.get_by_label("Application").fill("exam..preset")
    expect(page.get_by_text("Application: Write names joined by dots")).to_be_visible()
    assert axe(page) == []
    page.get_by_label("Application").fill("exam.preset")
    follow(page, page.get_by_role("button", name="Save and read stored answers again"))
    expect(page.get_by_text("0 of 1 stored answers read again")).to_be_visible()
    assert problems == []


@pytest.mark.parametrize("path", ["backlog/", "{pk}/change/"], ids=["backlog", "one submission"])
def test_axe_finds_nothing(stage: Stage, page: Page, problems: list[str], path: str) -> None:
    row = make_submission(stage.customer, state="held", hold_reason="before_start")
    make_submission(stage.customer, state="failed", failure_reason="No room.")
    page.goto("/admin/exams/submission/" + path.format(pk=row.pk))
    assert axe(page) == []
    assert problems == []
