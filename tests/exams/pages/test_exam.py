"""The exam page: the patient's identity, a slot for every capture, and updates while it is open."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from exams.models import Capture, Patient, Report, Submission
from tests.exams.cast import ANN, Stage, add_file, add_report, add_submission
from tests.exams.pages.exam_page import page, status, text_of
from tests.exams.rows import make_capture


def test_the_identity_is_written_out_with_a_named_month_and_the_age_at_the_submission(stage: Stage) -> None:
    Submission.objects.filter(pk=stage.submission.pk).update(
        date_of_birth=date(1970, 3, 4), gender="Female", submitted_at="2026-03-03T12:00:00Z"
    )
    html = page(stage)
    assert "<bdi>Ann Zebrowska</bdi>" in html
    assert "Born 04 Mar 1970 (55 years)" in text_of(html)
    assert "Gender Female" in text_of(html)
    assert "MRN-7781" in html
    assert "Dr. Osei" in html
    assert "Harbour Clinic" in html


@pytest.mark.parametrize(("days", "age"), [(9, "9 days"), (1, "1 day"), (200, "months"), (800, "months")])
def test_the_age_of_small_children_is_given_in_days_or_months(days: int, age: str, stage: Stage) -> None:
    born = timezone.now().date() - timedelta(days=days)
    Submission.objects.filter(pk=stage.submission.pk).update(date_of_birth=born)
    assert re.search(rf"\([\d ]*{age}\)", text_of(page(stage)))


def test_a_birth_date_that_does_not_parse_is_shown_as_it_was_sent(stage: Stage) -> None:
    Submission.objects.filter(pk=stage.submission.pk).update(date_of_birth_text="circa 1961")
    assert "Born circa 1961" in text_of(page(stage))


def test_what_cannot_be_seen_is_left_out_and_marked_and_stays_stored(stage: Stage) -> None:
    sent = {"last_name": "Zebr\u202eowska", "identifier": "MRN\u200b-7", "gender": "F\u00ad"}
    Submission.objects.filter(pk=stage.submission.pk).update(**sent)
    html = page(stage)
    assert "<bdi>Ann Zebrowska</bdi>" in html and "MRN-7" in html
    assert "contains invisible characters" in text_of(html)
    assert not set(html) & set("\u202e\u200b\u00ad")
    stage.submission.refresh_from_db()
    assert stage.submission.last_name == sent["last_name"]
    Submission.objects.filter(pk=stage.submission.pk).update(last_name="Z", identifier="7", gender="F")
    assert "contains invisible characters" not in text_of(page(stage))


@pytest.mark.parametrize(
    ("born", "mark"),
    [
        (date(2504, 3, 7), "Born 07 Mar 2504 implausible: perhaps of the Buddhist calendar, 1961"),
        (date(2204, 3, 7), "Born 07 Mar 2204 implausible: in the future"),
        (date(1861, 3, 7), "Born 07 Mar 1861 implausible: before 1880"),
    ],
)
def test_an_implausible_birth_date_is_marked(born: date, mark: str, stage: Stage) -> None:
    Submission.objects.filter(pk=stage.submission.pk).update(date_of_birth=born)
    assert mark in text_of(page(stage))


def test_title_and_url_hold_no_patient_data(stage: Stage) -> None:
    html = page(stage)
    title = re.search(r"<title>(.*?)</title>", html, re.DOTALL)
    assert title and title[1].split("·")[0].strip() == "Exam"
    assert not re.findall(r'(?:href|src|action)="[^"]*(?:Zebrowska|7781)[^"]*"', html)


def test_four_times_are_shown_in_the_readers_zone_with_utc_on_hover(stage: Stage) -> None:
    moment = timezone.now().replace(year=2026, month=3, day=4, hour=22, minute=30, second=5)
    Submission.objects.filter(pk=stage.submission.pk).update(submitted_at=moment)
    stage.people["reviewer"].timezone = "Europe/Berlin"
    stage.people["reviewer"].save()
    html = page(stage)
    assert "Examined not given by Clarius Cloud" in text_of(html)
    assert 'title="04 Mar 2026, 22:30:05 UTC">04 Mar 2026, 23:30</time>' in html
    for word in ("Submitted", "Received", "Signed"):
        assert f"<dt>{word}</dt>" in html


def test_every_listed_capture_has_a_numbered_slot_stored_or_not(stage: Stage) -> None:
    make_capture(stage.submission)
    make_capture(stage.submission, state="failed", failure_reason="The Cloud sent a page.")
    add_file(stage.submission, b"DICM?" * 9, preview="")
    html = page(stage)
    assert re.findall(r'data-frame="(\d)"', html) == ["1", "2", "3", "4", "5"]
    text = text_of(html)
    assert "Waiting to be fetched." in text
    assert "The Cloud sent a page." in text
    assert "The portal cannot display this type of file." in text


def test_badges_mark_lossy_captures_and_previews(stage: Stage) -> None:
    html = page(stage)
    assert html.count("lossy as received") == 1
    assert ">preview<" not in html
    stage.image.media_type = "image/tiff"
    stage.image.save()
    html = page(stage)
    assert html.count(">preview<") == 1
    assert reverse("capture_preview", args=[stage.image.uuid]) in html


def test_a_loop_is_a_player_with_controls(stage: Stage) -> None:
    html = page(stage)
    address = reverse("capture_file", args=[stage.film.uuid])
    assert re.search(rf'<video[^>]* controls[^>]* src="{address}"', html)


def test_the_viewer_shows_the_notice_of_intended_use(stage: Stage, settings: Any) -> None:
    settings.INTENDED_USE_NOTICE = "Teaching only."
    assert '<p class="viewer-notice">Teaching only.</p>' in page(stage)


def test_submissions_of_a_sandbox_are_marked(stage: Stage) -> None:
    assert "DEMO" not in page(stage)
    stage.service.is_sandbox = True
    stage.service.save()
    assert page(stage).count("DEMO") >= 2


def test_another_submission_of_the_exam_is_linked_with_what_changed(stage: Stage) -> None:
    later = add_submission(
        stage.customer,
        exam=stage.submission.exam,
        submitted_at=timezone.now() + timedelta(minutes=1),
        **(ANN | {"last_name": "Zebrovska"}),
    )
    first, second = text_of(page(stage)), text_of(page(stage, submission=later))
    assert "Submission 1 of 2" in first
    assert "Changed since" not in first
    assert "Submission 2 of 2" in second
    assert "Name: Ann Zebrowska → Ann Zebrovska" in second
    assert "Identifier:" not in second


def test_other_exams_of_the_same_patient_are_offered_and_nobody_elses(stage: Stage) -> None:
    patient = stage.submission.patient
    prior = add_submission(stage.customer, patient=patient)
    stranger = add_submission(stage.customer)
    again = add_submission(stage.customer, patient=patient, exam=stage.submission.exam)
    _, _, html = page(stage).partition("Other exams of this patient")
    assert reverse("exam", args=[again.uuid]) not in html
    assert reverse("exam", args=[prior.uuid]) in html
    assert reverse("exam", args=[stranger.uuid]) not in html


def test_a_warning_is_shown_for_a_patient_who_looks_like_another(stage: Stage) -> None:
    other = Patient.objects.create(customer=stage.customer, identifier="MRN-7781", last_name="Zebrova")
    twin = add_submission(stage.customer, patient=other, last_name="Zebrova")
    Submission.objects.filter(pk=stage.submission.pk).update(looks_like=other)
    html = page(stage)
    assert "Looks like another patient" in html
    assert reverse("exam", args=[twin.uuid]) in html


def test_undocumented_fields_are_shown_without_the_links_among_them(stage: Stage) -> None:
    stage.submission.raw_data = (
        '{"request_uuid": "r", "patient": {"first_name": "Ann", "height_cm": 171},'
        ' "captures": [{"url": "https://media/one?signature=s", "probe": "C3"}],'
        ' "archive": "https://media/all?signature=s", "flags": [true, null]}'
    )
    stage.submission.save()
    text = text_of(page(stage))
    for line in ("patient › height_cm 171", "capture 1 › probe C3", "archive (a link)", "flags 1 yes"):
        assert line in text
    assert "signature" not in text


ODD = ["", "no json", "[1]", "[" * 100_000, '{"a": ' * 50 + "1" + "}" * 50]
# Half of a surrogate pair, as a value and as a name.
HALF = ['{"note": "\\ud800"}', '{"\\udfff": "x", "patient": {"\\ud800": 1}}']


@pytest.mark.parametrize("raw", [*ODD, *HALF])
def test_raw_data_of_any_shape_breaks_no_page(raw: str, stage: Stage) -> None:
    stage.submission.raw_data = raw
    stage.submission.save()
    page(stage)


def test_opening_the_page_is_one_entry_for_each_session_in_ten_minutes(stage: Stage) -> None:
    browser = stage.browser("clinician")
    for _ in range(3):
        browser.get(reverse("exam", args=[stage.submission.uuid]))
    entry = Entry.objects.get(action="exam.viewed")
    assert (entry.target_id, entry.actor_id) == (
        str(stage.submission.uuid),
        str(stage.people["clinician"].pk),
    )


def test_a_page_whose_captures_still_arrive_updates_until_they_are_there(stage: Stage) -> None:
    Submission.objects.filter(pk=stage.submission.pk).update(state="fetching")
    waiting = make_capture(stage.submission)
    seen = re.search(r'hx-get="[^"]*\?seen=([^"]+)"', page(stage))
    assert seen
    assert status(stage, seen[1]).status_code == 204
    Capture.objects.filter(pk=waiting.pk).update(state="failed", failure_reason="It is gone.")
    changed = status(stage, seen[1])
    assert changed.status_code == 200
    assert b"It is gone." in changed.content
    assert b"hx-get" in changed.content
    Submission.objects.filter(pk=stage.submission.pk).update(state="ready")
    assert b"hx-get" not in status(stage, seen[1]).content


@pytest.mark.parametrize("end", [{"thumbnail": "a/b"}, {"preview_failure": "No preview."}])
def test_a_ready_exam_updates_until_every_preview_is_made_or_failed(
    stage: Stage, end: dict[str, str]
) -> None:
    image = {"state": "stored", "kind": "image", "media_type": "image/png"}
    stored = make_capture(stage.submission, file="a/c", not_before=timezone.now(), **image)
    seen = re.search(r'hx-get="[^"]*\?seen=([^"]+)"', page(stage))
    assert seen and status(stage, seen[1]).status_code == 204
    Capture.objects.filter(pk=stored.pk).update(not_before=None, **end)
    last = status(stage, seen[1])
    assert last.status_code == 200 and b"hx-get" not in last.content


def test_a_clinician_is_not_offered_a_reviewers_actions(stage: Stage) -> None:
    add_report(stage.submission, state=Report.State.FAILED, author=stage.people["reviewer"])
    add_report(stage.submission, state=Report.State.DRAFT, name="Secret draft")
    html = page(stage, role="clinician")
    for words in ("Claim", "Check again", "Add a report", "Secret draft"):
        assert words not in html
    assert "Echo report" in html
    assert reverse("my") in html.split("<h1>")[0].split('class="exam-nav"')[1]
