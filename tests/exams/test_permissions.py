"""Permissions are decided in one module; roles add up, and end at once."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission

from accounts.models import User
from accounts.roles import REVIEWERS
from exams import permissions
from exams.models import Report, Submission
from integrations.models import Link, ReviewerAccess
from tests.exams.rows import link, make_capture, make_customer, make_service, make_submission

pytestmark = pytest.mark.django_db


def person(name: str, **fields: Any) -> User:
    return User.objects.create_user(f"{name}@example.test", "a long password", **fields)


def reviewer_of(*services: Any) -> User:
    user = person("reviewer")
    user.groups.add(Group.objects.get(name=REVIEWERS))
    for service in services:
        ReviewerAccess.objects.create(user=user, service=service)
    return user


def report_on(submission: Submission, **fields: Any) -> Report:
    values = {"name": "Echo", "file_name": "echo.pdf", "file": "f", "sha256": "0" * 64, "size": 1}
    return Report.objects.create(submission=submission, media_type="application/pdf", **(values | fields))


def seen(user: Any) -> set[Submission]:
    captures = {capture.submission for capture in permissions.visible_captures(user)}
    submissions = set(permissions.visible_submissions(user))
    assert captures <= submissions
    return submissions


@pytest.fixture
def submission(db: None) -> Submission:
    made = make_submission(make_customer(make_service(), is_linked=False))
    make_capture(made)
    return made


def test_a_clinician_sees_the_exams_of_the_customers_linked_now(submission: Submission) -> None:
    clinician = person("clinician")
    assert seen(clinician) == set()
    held = link(submission.customer, user=clinician)
    assert seen(clinician) == {submission}
    assert permissions.is_clinician(clinician)
    assert not permissions.can_review(clinician, submission)
    Link.objects.filter(pk=held.pk).update(state=Link.State.UNLINKED)
    assert seen(clinician) == set()
    assert not permissions.is_clinician(clinician)
    # The next linked account sees everything.
    owner = person("owner")
    link(submission.customer, user=owner)
    assert seen(owner) == {submission}


@pytest.mark.parametrize("state", [state for state in Link.State if state != "confirmed"])
def test_a_link_in_any_other_state_shows_nothing(submission: Submission, state: str) -> None:
    clinician = person("clinician")
    link(submission.customer, user=clinician)
    Link.objects.update(state=state)
    assert seen(clinician) == set()


def test_a_reviewer_sees_services_granted_one_by_one(submission: Submission) -> None:
    elsewhere = make_submission(make_customer(make_service(slug="other")))
    reviewer = reviewer_of(submission.service)
    assert seen(reviewer) == {submission}
    assert permissions.can_review(reviewer, submission)
    assert not permissions.can_review(reviewer, elsewhere)
    reviewer.groups.clear()
    assert seen(reviewer) == set()


def test_review_access_without_the_role_shows_nothing(submission: Submission) -> None:
    outsider = person("outsider")
    ReviewerAccess.objects.create(user=outsider, service=submission.service)
    assert seen(outsider) == set()


def test_roles_add_up(submission: Submission) -> None:
    other = make_submission(make_customer(make_service(slug="other"), is_linked=False))
    both = reviewer_of(submission.service)
    link(other.customer, user=both)
    assert seen(both) == {submission, other}


def test_staff_see_patient_content_only_with_the_permission_for_it(submission: Submission) -> None:
    administrator = person("administrator", is_staff=True)
    assert seen(administrator) == set()
    administrator.user_permissions.add(Permission.objects.get(codename="view_patient_content"))
    assert seen(User.objects.get(pk=administrator.pk)) == {submission}
    administrator.is_staff = False
    administrator.save()
    assert seen(User.objects.get(pk=administrator.pk)) == set()


def test_nobody_sees_a_held_or_unconfirmed_submission(submission: Submission) -> None:
    reviewer, clinician = reviewer_of(submission.service), person("clinician")
    link(submission.customer, user=clinician)
    Submission.objects.update(state="held", hold_reason="stopped")
    assert seen(reviewer) == seen(clinician) == set()
    assert not permissions.can_review(reviewer, submission)
    Submission.objects.update(state="received", hold_reason="", exam=None)
    assert seen(reviewer) == seen(clinician) == set()


def test_an_anonymous_or_disabled_account_sees_nothing(submission: Submission) -> None:
    clinician = person("clinician", is_active=False, is_staff=True, is_superuser=True)
    link(submission.customer, user=clinician)
    for user in (clinician, AnonymousUser()):
        assert seen(user) == set()
        assert not permissions.visible_reports(user).exists()
        assert not permissions.can_review(user, submission)


def test_drafts_are_seen_by_their_author_alone(submission: Submission) -> None:
    author, clinician = reviewer_of(submission.service), person("clinician")
    link(submission.customer, user=clinician)
    colleague = person("colleague")
    colleague.groups.add(Group.objects.get(name=REVIEWERS))
    ReviewerAccess.objects.create(user=colleague, service=submission.service)
    draft, signed = report_on(submission, author=author), report_on(submission, state="signed")
    assert set(permissions.visible_reports(author)) == {draft, signed}
    assert set(permissions.visible_reports(colleague)) == {signed}
    assert set(permissions.visible_reports(clinician)) == {signed}
