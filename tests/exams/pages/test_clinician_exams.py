"""The clinician's page."""

import re
from typing import Any

import pytest
from django.urls import reverse

from exams.models import Report, Submission
from integrations.models import Link
from tests.exams.cast import Stage, add_report, add_submission
from tests.exams.rows import make_customer

MY = reverse("my")


def my(stage: Stage, role: str = "clinician") -> str:
    return stage.browser(role).get(MY).content.decode()


def test_it_lists_links_exams_and_signed_reports_of_the_account_alone(stage: Stage) -> None:
    signed = add_report(stage.submission)
    draft = add_report(stage.submission, state=Report.State.DRAFT, name="Secret draft")
    html = my(stage)
    for words in ("Dr. Osei", "linked", "Ann Zebrowska", "Echo report"):
        assert words in html
    assert reverse("report_file", args=[signed.uuid]) in html
    assert reverse("report_file", args=[draft.uuid]) not in html
    other = my(stage, "other clinician")
    assert "Zebrowska" not in other
    assert "No exams yet" in other


def test_it_updates_when_an_exam_or_a_report_changes(stage: Stage) -> None:
    browser = stage.browser("clinician")
    for change in (
        lambda: add_submission(stage.customer, state="fetching"),
        lambda: Submission.objects.update(state="failed"),
        lambda: add_report(stage.submission, state="sending"),
        lambda: Report.objects.update(state="delivered"),
    ):
        seen = re.search(r'"seen": "(\w+)"', browser.get(MY).content.decode())
        assert seen and browser.get(MY, {"seen": seen[1], "after": ""}).status_code == 204
        change()
        assert browser.get(MY, {"seen": seen[1], "after": ""}).status_code == 200


def test_a_link_can_be_ended_and_one_that_waits_checked(stage: Stage) -> None:
    link = stage.people["clinician"].links.get()
    waiting = Link.objects.create(customer=make_customer(stage.service, is_linked=False), user=link.user)
    html = my(stage)
    assert reverse("link_unlink", args=[link.uuid]) in html
    assert reverse("link_check", args=[waiting.uuid]) in html
    assert reverse("link_check", args=[link.uuid]) not in html


@pytest.mark.parametrize(
    ("state", "words"),
    [("pending", "confirming"), ("rejected", "unknown at the Cloud"), ("gone", "gone at the Cloud")],
)
def test_each_state_of_a_link_is_shown(state: str, words: str, stage: Stage) -> None:
    Link.objects.filter(user=stage.people["clinician"]).update(state=state)
    html = my(stage)
    assert words in html
    assert "Zebrowska" not in html


def test_an_account_without_a_link_is_shown_how_to_make_one(stage: Stage) -> None:
    assert "Profile, then Services, and press Connect" in my(stage, "outsider")


def test_older_exams_follow_on_the_next_page(stage: Stage, settings: Any) -> None:
    first = add_submission(stage.customer, last_name="Newest")
    settings.OWN_PAGE_SIZE = 1
    browser = stage.browser("clinician")
    page = browser.get(MY).content.decode()
    assert f"?after={first.uuid}" in page
    older = browser.get(MY, {"after": first.uuid}).content.decode()
    assert "Zebrowska" in older
    assert "Newest</bdi>" not in older


@pytest.mark.parametrize(
    ("state", "words"),
    [("ready", "no report yet"), ("failed", "incomplete"), ("fetching", "fetching")],
)
def test_an_exam_without_a_report_shows_what_the_clinician_is_waiting_for(
    state: str, words: str, stage: Stage
) -> None:
    Submission.objects.filter(pk=stage.submission.pk).update(state=state)
    assert _state_shown(stage) == words


def test_an_exam_without_any_stored_capture_is_shown_as_failed(stage: Stage) -> None:
    Submission.objects.filter(pk=stage.submission.pk).update(state="failed", stored_count=0)
    assert _state_shown(stage) == "failed"


@pytest.mark.parametrize(
    ("state", "words"),
    [("signed", "report signed"), ("failed", "report signed"), ("delivered", "report delivered")],
)
def test_an_exam_with_a_report_shows_the_state_of_its_delivery(state: str, words: str, stage: Stage) -> None:
    add_report(stage.submission, state=state)
    assert _state_shown(stage) == words


def _state_shown(stage: Stage) -> str:
    cell = my(stage).split('class="own-state">')[1].split("</span>")[0]
    return cell.rpartition(">")[2]
