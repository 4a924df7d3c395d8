"""Identity on the exam page: differences between the submissions of one exam or patient."""

from datetime import date
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from exams.models import Capture, Submission
from tests.exams.cast import ANN, Stage, add_file, add_report, add_submission
from tests.exams.pages.exam_page import page, status, text_of
from tests.exams.rows import ago, from_now


def add_second(stage: Stage, **fields: Any) -> Submission:
    """Submit the same exam again."""
    values = {**ANN, "patient": stage.submission.patient, "submitted_at": from_now(seconds=60)}
    return add_submission(stage.customer, exam=stage.submission.exam, **(values | fields))


def test_the_newest_submission_is_marked_as_current(stage: Stage) -> None:
    second = add_second(stage)
    assert "1 · this one" in text_of(page(stage))
    for row in (stage.submission, second):
        html = page(stage, submission=row)
        assert html.count(">current<") == 1
        assert html.index("1 ·") < html.index(">current<")


def test_what_changed_is_shown_field_by_field_and_capture_by_capture(stage: Stage) -> None:
    first = list(stage.submission.captures.order_by("position"))
    second = add_second(stage, last_name="Zebrovska", date_of_birth=date(1970, 3, 4))
    with_same_bytes = {"sha256": first[1].sha256}
    add_file(second, b"another picture")
    moved = add_file(second, b"the loop")
    Capture.objects.filter(pk=moved.pk).update(**with_same_bytes, position=5)
    text = text_of(page(stage, submission=second))
    assert "Changed since submission 1" in text
    assert "Name: Ann Zebrowska → Ann Zebrovska" in text
    assert "Born: not given → 04 Mar 1970" in text
    assert "Capture 1 is new" in text
    assert "Capture 5 was capture 2" in text
    assert "Capture 1 is no longer included" in text
    assert "Gender:" not in text


def test_submissions_that_are_alike_show_no_change(stage: Stage) -> None:
    second = add_second(stage)
    for each in stage.submission.captures.all():
        copy = add_file(second, b"copy")
        Capture.objects.filter(pk=copy.pk).update(sha256=each.sha256)
    assert "Changed since" not in text_of(page(stage, submission=second))


def test_reports_on_an_older_submission_say_that_the_demographics_changed_since(stage: Stage) -> None:
    add_report(stage.submission)
    assert "demographics changed since" not in page(stage)
    second = add_second(stage)
    assert "demographics changed since" not in page(stage)
    Submission.objects.filter(pk=second.pk).update(last_name="Quist")
    assert "demographics changed since" in page(stage)
    add_report(second)
    assert "demographics changed since" not in page(stage, submission=second)


def test_a_reviewer_keeps_two_people_apart(stage: Stage) -> None:
    other = add_submission(stage.customer, patient=stage.submission.patient, **ANN)
    split = reverse("exam_split", args=[stage.submission.uuid])
    assert split in page(stage)
    assert split not in page(stage, role="clinician")
    answer = stage.browser("reviewer").post(split)
    assert answer.status_code == 302
    stage.submission.refresh_from_db()
    assert stage.submission.patient != other.patient
    html = page(stage)
    assert "Looks like another patient" in html
    assert reverse("exam", args=[other.uuid]) in html
    assert split not in html
    assert Entry.objects.get(action="patient.split").actor_id == str(stage.people["reviewer"].pk)


def test_the_page_shows_what_the_cloud_listed_and_when(stage: Stage) -> None:
    now = timezone.now()
    Submission.objects.update(
        data_read_at=now, listed_count=2, notified_at=ago(minutes=2), polled_at=ago(minutes=1)
    )
    text = text_of(page(stage))
    assert f"Captures 2 of 2 Listed 2 by Clarius Cloud at {now:%d %b %Y, %H:%M}" in text
    assert "; 2 of them stored here" in text
    assert "Seen notified" in text
    assert ", listed" in text
    Capture.objects.filter(pk=stage.film.pk).update(is_listed=False)
    Submission.objects.update(listed_count=1, notified_at=None)
    text = text_of(page(stage))
    assert "Listed 1 by Clarius Cloud at" in text
    assert "; 1 of them stored here" in text
    assert "2 of 2" in text
    assert "never notified" in text
    assert "notified" not in text_of(page(stage, role="clinician"))


def test_the_page_updates_after_a_check_was_requested(stage: Stage) -> None:
    Submission.objects.update(data_read_at=ago(hours=1), listed_count=2)
    seen = status(stage)
    assert seen.status_code == 200
    stage.submission.refresh_from_db()
    fingerprint = seen.context["fingerprint"]
    assert status(stage, fingerprint).status_code == 204
    Submission.objects.update(data_read_at=timezone.now())
    assert status(stage, fingerprint).status_code == 200


@pytest.mark.parametrize("role", ["clinician", "administrator with content"])
def test_only_a_reviewer_decides_who_it_is(role: str, stage: Stage) -> None:
    add_submission(stage.customer, patient=stage.submission.patient, **ANN)
    answer = stage.browser(role).post(reverse("exam_split", args=[stage.submission.uuid]))
    assert answer.status_code == 404
    assert not Entry.objects.filter(action="patient.split").exists()
