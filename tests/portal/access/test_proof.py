"""Who does what is dangerous enters the password again; the list of it covers every form and action."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Invitation
from audit.models import Entry
from integrations.models import Service
from portal.pages import proof
from tests.exams.cast import Stage, make_stage
from tests.people import PASSWORD, logged_in
from tests.portal.access.actions import ACTIONS, PAGE_ACTIONS
from tests.portal.access.answers import WRITTEN
from tests.portal.access.pages import PAGES

SERVICES = "/admin/integrations/service/"
PAUSE = {"action": "pause", "confirmed": "yes"}


@pytest.fixture
def stage(db: None, settings: Any, tmp_path: Any) -> Stage:
    settings.MEDIA_ROOT, settings.MIN_FREE_MB = tmp_path / "media", 0
    return make_stage()


@pytest.fixture
def browser(stage: Stage) -> Client:
    return logged_in(stage.people["administrator"])


def _pause(browser: Client, stage: Stage, **data: str) -> Any:
    return browser.post(SERVICES, PAUSE | {"_selected_action": stage.service.pk} | data)


def _is_paused() -> bool:
    return not Service.objects.get().is_active


def test_every_form_and_action_is_decided_once() -> None:
    written = {f"admin:{name}" for name, (_, post) in PAGES.items() if WRITTEN in post.values()}
    # These pages have an action each instead.
    written -= {"admin:integrations_customer_do"}
    for name, answers in ACTIONS.items():
        page, action = name.split(".")
        if WRITTEN in answers.values():
            written.add(f"admin:{page}_changelist.{action}")
    for name in PAGE_ACTIONS:
        page = f"admin:{name.partition('.')[0]}"
        written.add(page if page in proof.PAGES else f"admin:{name}")
    outside = {"problem_fix.service-paused", "admin:integrations_service_reveal"}
    assert written | outside == proof.PAGES | proof.ACTIONS | proof.HARMLESS
    assert len(written | outside) == len(proof.PAGES) + len(proof.ACTIONS) + len(proof.HARMLESS)


def test_an_action_waits_for_the_password_and_keeps_what_was_sent(browser: Client, stage: Stage) -> None:
    page = _pause(browser, stage)
    text = page.content.decode()
    assert "Confirm it’s you" in text and "Nothing has been done yet." in text
    assert not _is_paused()
    kept = dict(page.context["kept"])
    assert kept == PAUSE | {"_selected_action": str(stage.service.pk)}
    wrong = browser.post(SERVICES, kept | {proof.FIELD: "a wrong guess"})
    assert wrong.context["form"].errors
    assert not _is_paused()
    browser.post(SERVICES, kept | {proof.FIELD: PASSWORD})
    assert _is_paused()
    assert Entry.objects.get(action="service.paused").actor_id == str(stage.people["administrator"].pk)


def test_the_password_counts_for_what_follows_soon(browser: Client, stage: Stage, settings: Any) -> None:
    _pause(browser, stage, **{proof.FIELD: PASSWORD})
    resume = {"action": "resume", "_selected_action": stage.service.pk}
    assert browser.post(SERVICES, resume).status_code == 302
    assert not _is_paused()
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    _pause(browser, stage)
    assert not _is_paused()


def test_the_other_menu_of_a_list_does_not_get_around_it(browser: Client, stage: Stage) -> None:
    data = {"action": ["pause", "poll_now"], "index": "0", "confirmed": "yes"}
    browser.post(SERVICES, data | {"_selected_action": stage.service.pk})
    assert not _is_paused()


def test_a_secret_is_revealed_only_with_it(browser: Client, stage: Stage) -> None:
    for address, data in (
        (f"{SERVICES}{stage.service.pk}/settings/reveal/", {}),
        (SERVICES, {"action": "reveal_webhook", "_selected_action": stage.service.pk}),
    ):
        assert "/webhooks/clarius/" not in browser.post(address, data).content.decode()
        browser.post("/accounts/logout/")
        browser.force_login(stage.people["administrator"])
        shown = browser.post(address, data | {proof.FIELD: PASSWORD}).content.decode()
        assert "/webhooks/clarius/" in shown
        browser.post("/accounts/logout/")
        browser.force_login(stage.people["administrator"])


def test_a_paused_service_is_not_resumed_from_the_problems_without_it(browser: Client, stage: Stage) -> None:
    _pause(browser, stage, **{proof.FIELD: PASSWORD})
    again = logged_in(stage.people["administrator"])
    fix = f"/problems/service-paused.{stage.service.slug}/fix/"
    again.post(fix)
    assert _is_paused()
    again.post(fix, {proof.FIELD: PASSWORD})
    assert not _is_paused()


def test_what_somebody_may_not_do_is_refused_and_not_asked_about(stage: Stage) -> None:
    reviewer = logged_in(stage.people["reviewer"])
    assert reviewer.post("/admin/accounts/invitation/add/", {"email": "a@example.test"}).status_code == 302
    assert not Invitation.objects.exists()


def test_guessing_is_limited(browser: Client, stage: Stage) -> None:
    for number in range(5):
        _pause(browser, stage, **{proof.FIELD: f"guess {number}"})
    answer = _pause(browser, stage, **{proof.FIELD: PASSWORD}).content.decode()
    assert "Too many wrong passwords. Try again in 30 seconds." in answer
    assert not _is_paused()


def test_a_page_with_a_secret_in_its_form_asks_before_it_is_shown(browser: Client, stage: Stage) -> None:
    page = f"{SERVICES}{stage.service.pk}/keys/"
    assert browser.get(page).headers["Location"].startswith("/accounts/reauthenticate/?next=")
    answer = browser.post(page, {"action": "type", "key": "secret"})
    assert (answer.status_code, answer.headers["Location"]) == (302, page)
