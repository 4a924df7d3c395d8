"""A submission is claimed by one reviewer at a time."""

from django.contrib.messages import get_messages
from django.urls import reverse

from accounts.models import User
from accounts.roles import REVIEWERS
from audit.models import Entry
from exams.models import Submission
from exams.services.reviews import ClaimRefused, claim_submission
from integrations.models import ReviewerAccess
from tests.exams.cast import Stage
from tests.exams.rows import in_parallel
from tests.people import logged_in, make_person


def colleague(stage: Stage, name: str = "colleague") -> User:
    user = make_person(name, REVIEWERS, first_name="Jonas", last_name="Lindqvist")
    ReviewerAccess.objects.create(user=user, service=stage.service)
    return user


def holder(stage: Stage) -> User | None:
    return Submission.objects.get(pk=stage.submission.pk).claimed_by


def test_a_claim_is_taken_shown_and_given_back(stage: Stage) -> None:
    browser = stage.browser("reviewer")
    browser.post(reverse("exam_claim", args=[stage.submission.uuid]))
    assert holder(stage) == stage.people["reviewer"]
    assert b"Claimed by you" in browser.get(reverse("exam", args=[stage.submission.uuid])).content
    browser.post(reverse("exam_release", args=[stage.submission.uuid]))
    assert holder(stage) is None
    actions = Entry.objects.filter(action__startswith="submission.").order_by("at")
    assert [each.action for each in actions] == ["submission.claimed", "submission.released"]


def test_the_second_reviewer_is_told_who_was_first(stage: Stage) -> None:
    stage.browser("reviewer").post(reverse("exam_claim", args=[stage.submission.uuid]))
    second = logged_in(colleague(stage))
    response = second.post(reverse("exam_claim", args=[stage.submission.uuid]), follow=True)
    assert b"Rita Moreau has claimed this exam" in response.content
    assert holder(stage) == stage.people["reviewer"]


def test_nobody_gives_back_what_another_holds(stage: Stage) -> None:
    stage.browser("reviewer").post(reverse("exam_claim", args=[stage.submission.uuid]))
    response = logged_in(colleague(stage)).post(reverse("exam_release", args=[stage.submission.uuid]))
    assert [str(each) for each in get_messages(response.wsgi_request)]
    assert holder(stage) == stage.people["reviewer"]


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
