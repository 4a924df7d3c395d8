"""Every list and table of the admin fits a phone without scrolling sideways."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib import admin
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from exams.models import Call
from integrations.models import NotificationRecord
from tests.e2e.chromium import NEEDS_CHROMIUM, follow, page_of
from tests.exams.cast import add_report
from tests.exams.rows import make_submission
from tests.portal.access.stage import Desk

WIDTH = 390
# Cells beyond the edge, and cells that are cut off or need scrolling sideways.
CUT_OFF = """() => {
  // Headings for screen readers are clipped to one pixel.
  const shown = each => [each, each.closest('thead') ?? each].every(e => e.getBoundingClientRect().height > 1)
  const name = each => `${each.tagName}.${each.className} ${each.innerText.slice(0, 60)}`
  const found = []
  for (const each of document.querySelectorAll('#content table, #content th, #content td, #content svg')) {
    if (!shown(each) || each.closest('.simplebar-track, .sr-only, .desk-hidden')) continue
    const box = each.getBoundingClientRect()
    if (box.right > innerWidth + 1 || box.left < -1) found.push(`beyond: ${name(each)}`)
    if (each.scrollWidth > each.clientWidth + 1 && each.clientWidth) found.push(`cut: ${name(each)}`)
    if (each.scrollHeight > each.clientHeight + 1 && each.clientHeight) found.push(`low: ${name(each)}`)
  }
  return found.slice(0, 8)
}"""

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
    NEEDS_CHROMIUM,
]


@pytest.fixture
def phone(desk: Desk, live_server: LiveServer, browser: Browser) -> Iterator[Page]:
    """A phone on which the superuser is logged in."""
    session = desk.browsers["superuser"].cookies["portal_session"].value
    with page_of(session, browser=browser, url=live_server.url, width=WIDTH, height=844) as page:
        yield page


def _misfit(page: Page, address: str) -> list[str]:
    answer = page.goto(address)
    assert answer is not None and answer.status == 200, address
    width = page.evaluate("document.documentElement.scrollWidth")
    too_wide = [f"{width} px wide"] if width > WIDTH else []
    return [*too_wide, *page.evaluate(CUT_OFF)]


def _pages(desk: Desk) -> list[str]:
    rows, service, customer = desk.rows, desk.service.pk, desk.unheld.pk
    return [
        "",
        "exams/submission/backlog/",
        f"exams/submission/{rows['exams.submission'].pk}/change/",
        f"exams/report/{rows['exams.report'].pk}/change/",
        f"exams/pollrun/{rows['exams.pollrun'].pk}/change/",
        f"exams/fieldmap/{service}/map/",
        f"integrations/application/{desk.application.pk}/change/",
        f"integrations/customer/{customer}/change/",
        f"integrations/customer/{customer}/do/invite/",
        f"integrations/service/{service}/change/",
        f"integrations/service/{service}/keys/",
        f"integrations/service/{service}/settings/",
        f"integrations/service/{service}/test/",
    ]


def _a_month_of_notifications(desk: Desk) -> None:
    now = timezone.now()
    for days in range(30):
        at = now - timedelta(days=days)
        NotificationRecord.objects.create(
            service=desk.service,
            fingerprint=str(days),
            logged_at=at,
            sent_at=at,
            read_at=at,
            latency_ms=1200 + days,
            outcome="failed" if days % 7 == 3 else "answered",
            url="https://portal.example.com/",
        )


def test_every_list_fits_a_phone(desk: Desk, phone: Page) -> None:
    _a_month_of_notifications(desk)
    lists = [f"{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    misfits = {each: _misfit(phone, f"/admin/{each}") for each in lists}
    assert {each: found for each, found in misfits.items() if found} == {}


def test_every_table_of_our_own_fits_a_phone(desk: Desk, phone: Page) -> None:
    make_submission(desk.stage.customer, state="failed", failure_reason="The exam could not be fetched. " * 4)
    for about, model in (("submission", "submission"), ("report", "report"), ("poll_run", "pollrun")):
        Call.objects.create(
            kind=Call.Kind.LIST,
            at=timezone.now(),
            milliseconds=1000,
            status=503,
            error="ServerError",
            message="Clarius Cloud failed to answer. " * 4,
            key_prefix="abcdefgh",
            **{about: desk.rows[f"exams.{model}"]},
        )
    add_report(desk.stage.submission, state="uncertain", failure_reason="It may have arrived. " * 6)
    misfits = {each: _misfit(phone, f"/admin/{each}") for each in _pages(desk)}
    assert {each: found for each, found in misfits.items() if found} == {}


def test_the_page_of_problems_fits_a_phone_and_pleases_axe(desk: Desk, phone: Page) -> None:
    make_submission(desk.stage.customer, state="failed")
    add_report(desk.stage.submission, state="uncertain")
    assert _misfit(phone, "/problems/") == []
    assert Axe().run(phone).response["violations"] == []
    follow(phone, phone.get_by_role("button", name="Decide"))
    assert phone.evaluate("document.documentElement.scrollWidth") <= WIDTH
    assert Axe().run(phone).response["violations"] == []
    phone.get_by_role("checkbox").check()
    follow(phone, phone.get_by_role("button", name="Mark as arrived"))
    expect(phone.get_by_text("1 of 1 reports count as delivered.")).to_be_visible()
    follow(phone, phone.get_by_role("button", name="Fetch again"))
    expect(phone.get_by_text("1 of 1 submissions are fetched again.")).to_be_visible()
