"""Signing names what a report is written on and asks for what is unusual; later changes are announced."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from background.models import OutgoingMail
from exams.models import Capture, CaptureSeen, Report, Submission
from exams.services.reports.changes import notify_of_changes
from exams.services.reports.drafts import sign_report
from exams.services.reports.signing import NotReadyToSign
from exams.states import CaptureState, Tick
from tests.exams.cast import ANN, Stage, add_file, add_image, add_report, add_submission, look_at_captures
from tests.exams.rows import make_capture


@pytest.fixture
def draft(stage: Stage) -> Report:
    return add_report(stage.submission, state=Report.State.DRAFT, author=stage.people["reviewer"])


@pytest.fixture
def reviewer(stage: Stage) -> Client:
    return stage.browser("reviewer")


def confirm_page(browser: Client, report: Report) -> str:
    return browser.get(reverse("report", args=[report.uuid])).content.decode()


def sign(browser: Client, report: Report, *ticks: str) -> str:
    address = reverse("report_sign", args=[report.uuid])
    answer: Any = browser.post(address, {"tick": ticks}, follow=True)
    report.refresh_from_db()
    return str(answer.content.decode())


def test_a_capture_that_was_never_displayed_refuses_signing_and_is_named(
    stage: Stage, reviewer: Client, draft: Report
) -> None:
    page = confirm_page(reviewer, draft)
    for capture in (stage.image, stage.film):
        assert f"{reverse('exam', args=[stage.submission.uuid])}#capture-{capture.position}" in page
    # Fetching a file is not displaying it.
    reviewer.get(reverse("capture_file", args=[stage.image.uuid]))
    assert "you have not viewed every capture" in sign(reviewer, draft)
    assert draft.state == Report.State.DRAFT
    with pytest.raises(NotReadyToSign, match="1, 2"):
        sign_report(report=draft, user=stage.people["reviewer"], address=None, ticks=list(Tick))
    look_at_captures(reviewer, stage.submission)
    look_at_captures(reviewer, stage.submission)
    assert CaptureSeen.objects.count() == 2
    assert "#capture-" not in confirm_page(reviewer, draft)
    sign(reviewer, draft)
    assert (draft.state, draft.signed_by) == (Report.State.SIGNED, stage.people["reviewer"])


def test_a_capture_that_was_fetched_again_has_to_be_displayed_again(
    stage: Stage, reviewer: Client, draft: Report
) -> None:
    look_at_captures(reviewer, stage.submission)
    seen = CaptureSeen.objects.get(capture=stage.image)
    CaptureSeen.objects.filter(pk=seen.pk).update(seen_at=stage.image.submission.received_at)
    assert "View these first: 1." in sign(reviewer, draft)


def test_what_a_colleague_was_shown_does_not_count(stage: Stage, reviewer: Client, draft: Report) -> None:
    look_at_captures(reviewer, stage.submission)
    CaptureSeen.objects.update(user=stage.people["reviewer without grant"])
    assert "you have not viewed every capture" in sign(reviewer, draft)


def test_the_page_states_captures_and_submission(stage: Stage, reviewer: Client, draft: Report) -> None:
    page = confirm_page(reviewer, draft)
    assert "2 of 2" in page and "submission 1 of 1" in page
    assert 'name="tick"' not in page


def _missing(stage: Stage, state: str) -> None:
    make_capture(stage.submission, state=state)
    Submission.objects.update(capture_count=3)


def _cannot_be_shown(stage: Stage) -> None:
    add_file(stage.submission, b"\0" * 128 + b"DICM" + b"\0" * 64)


def _superseded(stage: Stage) -> None:
    add_submission(stage.customer, exam=stage.submission.exam, **ANN)


def _lookalike(stage: Stage) -> None:
    other = add_submission(stage.customer, **ANN)
    Submission.objects.filter(pk=stage.submission.pk).update(looks_like=other.patient)


@pytest.mark.parametrize(
    ("change", "tick", "words"),
    [
        (lambda stage: _missing(stage, CaptureState.FAILED), Tick.MISSING, "2 of 3"),
        (lambda stage: _missing(stage, CaptureState.PENDING), Tick.MISSING, "captures missing"),
        (_cannot_be_shown, Tick.NOT_SHOWN, "3 of 3"),
        (_superseded, Tick.SUPERSEDED, "submission 1 of 2"),
        (_lookalike, Tick.IDENTITY, "looks like another patient"),
    ],
)
def test_what_is_unusual_is_stated_and_needs_its_tick(
    change: Any, tick: Tick, words: str, stage: Stage, reviewer: Client, draft: Report
) -> None:
    change(stage)
    look_at_captures(reviewer, stage.submission)
    page = confirm_page(reviewer, draft)
    assert words in page and tick.label in page
    others = [each for each in Tick if each != tick]
    assert "confirm each statement below with a tick" in sign(reviewer, draft, *others)
    assert draft.state == Report.State.DRAFT
    sign(reviewer, draft, *Tick)
    assert (draft.state, draft.signed_ticks) == (Report.State.SIGNED, [tick])
    assert Entry.objects.get(action="report.signed").identifiers["ticks"] == tick


def test_a_missing_identifier_is_stated(stage: Stage, reviewer: Client, draft: Report) -> None:
    Submission.objects.filter(pk=stage.submission.pk).update(identifier="")
    assert "no identifier" in confirm_page(reviewer, draft)


def test_a_program_signs_as_what_it_is(stage: Stage, draft: Report) -> None:
    sign_report(report=draft, user=stage.people["reviewer"], address=None, by_program=True)
    draft.refresh_from_db()
    assert (draft.state, draft.signed_ticks) == (Report.State.SIGNED, [])
    assert Entry.objects.get(action="report.signed").identifiers["by"] == "program"


def _signed_on_one_of_two(stage: Stage, reviewer: Client, draft: Report) -> None:
    Capture.objects.filter(pk=stage.film.pk).update(state=CaptureState.PENDING)
    look_at_captures(reviewer, stage.submission)
    sign(reviewer, draft, Tick.MISSING)
    assert (draft.signed_stored_count, draft.signed_capture_count) == (1, 2)


def pages_of(stage: Stage, report: Report) -> list[str]:
    addresses = (reverse("exam", args=[stage.submission.uuid]), reverse("report", args=[report.uuid]))
    people = ("reviewer", "clinician")
    return [stage.browser(role).get(each).content.decode() for role in people for each in addresses]


def test_a_capture_that_arrives_after_signing_is_announced_once(
    stage: Stage, reviewer: Client, draft: Report
) -> None:
    _signed_on_one_of_two(stage, reviewer, draft)
    notify_of_changes(submission=stage.submission.pk)
    assert not OutgoingMail.objects.exists()
    Capture.objects.filter(pk=stage.film.pk).update(state=CaptureState.STORED)
    for _ in range(2):
        notify_of_changes(submission=stage.submission.pk)
    mails = list(OutgoingMail.objects.all())
    people = ("clinician", "reviewer")
    assert sorted(mail.recipient for mail in mails) == sorted(stage.people[role].email for role in people)
    for mail in mails:
        assert str(draft.uuid) in mail.body
        assert "Zebrowska" not in mail.subject + mail.body and "MRN" not in mail.body
    assert all("ritten on 1 of 2 captures" in page for page in pages_of(stage, draft))
    assert Entry.objects.filter(action="report.exam_changed").count() == 1


def test_demographics_that_change_after_signing_are_announced(
    stage: Stage, reviewer: Client, draft: Report
) -> None:
    look_at_captures(reviewer, stage.submission)
    sign(reviewer, draft)
    assert not any("data changed since" in page for page in pages_of(stage, draft))
    Submission.objects.filter(pk=stage.submission.pk).update(first_name="Anna")
    notify_of_changes(submission=stage.submission.pk)
    assert OutgoingMail.objects.count() == 2
    exam, report = pages_of(stage, draft)[2:]
    assert "patient data changed since" in exam
    assert "patient data of the exam changed after it was signed" in report


def test_a_capture_that_is_added_later_marks_the_report(
    stage: Stage, reviewer: Client, draft: Report
) -> None:
    look_at_captures(reviewer, stage.submission)
    sign(reviewer, draft)
    add_image(stage.submission)
    notify_of_changes(submission=stage.submission.pk)
    assert OutgoingMail.objects.count() == 2
    assert all("ritten on 2 of 3 captures" in page for page in pages_of(stage, draft))
