"""Claims: one reviewer at a time has a submission."""

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from accounts.models import User
from accounts.roles import REVIEWERS
from audit.models import Entry
from background.models import OutgoingMail
from exams.models import Report, Submission
from exams.services.review.claims import ClaimRefused, claim_submission, take_over_claim
from integrations.models import ReviewerAccess
from tests.exams.cast import Stage, add_report
from tests.exams.rows import in_parallel
from tests.people import logged_in, make_person


def colleague(stage: Stage, name: str = "colleague") -> User:
    user = make_person(name, REVIEWERS, first_name="Jonas", last_name="Lindqvist")
    ReviewerAccess.objects.create(user=user, service=stage.service)
    return user


def holder(stage: Stage) -> User | None:
    return Submission.objects.get(pk=stage.submission.pk).claimed_by


def test_a_claim_is_taken_shown_and_returned(stage: Stage) -> None:
    browser = stage.browser("reviewer")
    browser.post(reverse("exam_claim", args=[stage.submission.uuid]))
    assert holder(stage) == stage.people["reviewer"]
    assert b"Claimed by you" in browser.get(reverse("exam", args=[stage.submission.uuid])).content
    browser.post(reverse("exam_return", args=[stage.submission.uuid]))
    assert holder(stage) is None
    actions = Entry.objects.filter(action__startswith="submission.").order_by("at")
    assert [each.action for each in actions] == ["submission.claimed", "submission.returned"]


def test_the_second_reviewer_sees_who_claimed_first(stage: Stage) -> None:
    stage.browser("reviewer").post(reverse("exam_claim", args=[stage.submission.uuid]))
    second = logged_in(colleague(stage))
    response = second.post(reverse("exam_claim", args=[stage.submission.uuid]), follow=True)
    assert b"Rita Moreau has claimed this exam" in response.content
    assert holder(stage) == stage.people["reviewer"]


def test_nobody_returns_a_colleagues_claim(stage: Stage) -> None:
    stage.browser("reviewer").post(reverse("exam_claim", args=[stage.submission.uuid]))
    response = logged_in(colleague(stage)).post(reverse("exam_return", args=[stage.submission.uuid]))
    assert [str(each) for each in get_messages(response.wsgi_request)]
    assert holder(stage) == stage.people["reviewer"]


def _take_over(user: User, stage: Stage, from_whom: User | str) -> str:
    browser = logged_in(user)
    held_by = from_whom.pk if isinstance(from_whom, User) else from_whom
    response = browser.post(
        reverse("exam_take_over", args=[stage.submission.uuid]), {"holder": held_by}, follow=True
    )
    return response.content.decode() if response.status_code == 200 else str(response.status_code)


def test_a_claim_is_taken_over_after_a_question_and_its_holder_is_notified(stage: Stage) -> None:
    rita, jonas = stage.people["reviewer"], colleague(stage)
    claim_submission(submission=stage.submission, user=rita, address=None)
    page = logged_in(jonas).get(reverse("exam", args=[stage.submission.uuid])).content.decode()
    assert "If you take over, they can no longer sign it." in page
    assert f'name="holder" value="{rita.pk}"' in page
    assert "Claimed by you" in _take_over(jonas, stage, rita)
    assert holder(stage) == jonas
    mail = OutgoingMail.objects.get()
    assert (mail.recipient, mail.subject) == (rita.email, "A colleague took over an exam that you claimed")
    assert mail.body.startswith("Jonas Lindqvist has taken over an exam")
    assert str(stage.submission.uuid) in mail.body
    assert stage.submission.last_name not in mail.subject + mail.body
    entry = Entry.objects.get(action="submission.taken_over")
    assert (entry.actor_id, entry.identifiers["held_by"]) == (str(jonas.pk), str(rita.pk))


def test_a_reviewer_who_lost_the_claim_cannot_sign(stage: Stage) -> None:
    rita, jonas = stage.people["reviewer"], colleague(stage)
    claim_submission(submission=stage.submission, user=rita, address=None)
    report = add_report(stage.submission, state=Report.State.DRAFT, author=rita)
    _take_over(jonas, stage, rita)
    answer = stage.browser("reviewer").post(reverse("report_sign", args=[report.uuid]), follow=True)
    assert "Jonas Lindqvist has claimed this exam" in answer.content.decode()
    assert Report.objects.get().state == Report.State.DRAFT


def test_a_claim_is_taken_over_only_from_the_holder_whom_the_page_named(stage: Stage) -> None:
    rita, jonas, third = stage.people["reviewer"], colleague(stage), colleague(stage, "third")
    claim_submission(submission=stage.submission, user=third, address=None)
    assert "has claimed this exam" in _take_over(jonas, stage, rita)
    assert holder(stage) == third
    assert not OutgoingMail.objects.exists()


def test_a_claim_that_was_returned_meanwhile_is_simply_taken(stage: Stage) -> None:
    jonas = colleague(stage)
    assert "Claimed by you" in _take_over(jonas, stage, stage.people["reviewer"])
    assert not OutgoingMail.objects.exists()
    assert not Entry.objects.filter(action="submission.taken_over").exists()


@pytest.mark.parametrize("from_whom", ["", "x", "-1", "9" * 30, "١"])
def test_a_request_without_a_valid_holder_takes_over_nothing(stage: Stage, from_whom: str) -> None:
    claim_submission(submission=stage.submission, user=stage.people["reviewer"], address=None)
    assert _take_over(colleague(stage), stage, from_whom) == "404"
    assert holder(stage) == stage.people["reviewer"]


def test_of_many_who_take_over_at_the_same_moment_one_gets_it(transactional_stage: Stage) -> None:
    stage = transactional_stage
    rita = stage.people["reviewer"]
    claim_submission(submission=stage.submission, user=rita, address=None)
    people = iter([colleague(stage, f"colleague{number}") for number in range(6)])

    def take_over() -> None:
        take_over_claim(submission=stage.submission, user=next(people), holder=rita.pk, address=None)

    answers = in_parallel(6, take_over)
    refusals = [each for each in answers if isinstance(each, ClaimRefused)]
    assert (answers.count(None), len(refusals)) == (1, 5)
    assert Entry.objects.filter(action="submission.taken_over").count() == 1


def test_claiming_twice_is_recorded_once(stage: Stage) -> None:
    browser = stage.browser("reviewer")
    for _ in range(2):
        browser.post(reverse("exam_claim", args=[stage.submission.uuid]))
    assert Entry.objects.filter(action="submission.claimed").count() == 1


def test_of_many_at_the_same_moment_one_gets_it(transactional_stage: Stage) -> None:
    stage = transactional_stage
    people = iter([colleague(stage, f"colleague{number}") for number in range(6)])

    def claim() -> None:
        claim_submission(submission=stage.submission, user=next(people), address=None)

    answers = in_parallel(6, claim)
    refusals = [each for each in answers if isinstance(each, ClaimRefused)]
    assert (answers.count(None), len(refusals)) == (1, 5)
    assert Entry.objects.filter(action="submission.claimed").count() == 1
