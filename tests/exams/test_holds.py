"""Held submissions stay held until someone resumes them; every such action is audited."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from exams.models import Capture, Submission
from exams.services.fetch.job import check_again
from exams.services.holds.holding import resume_submissions, retry_submissions, stop_submissions
from exams.services.transitions import (
    CAPTURE_FROM,
    REPORT_FROM,
    SUBMISSION_FROM,
    NotAllowed,
    move_submission,
    move_submissions,
)
from integrations.models import Customer
from tests.exams.rows import make_capture, make_customer, make_service, make_submission

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer(db: None) -> Customer:
    return make_customer(make_service())


@pytest.fixture
def administrator(db: None) -> User:
    return User.objects.create_user("administrator@example.test", "a long password", is_staff=True)


def act(service: Any, administrator: User) -> int:
    return service(queryset=Submission.objects.all(), user=administrator, address="192.0.2.1")


def add_held(customer: Customer, reason: str, **fields: Any) -> Submission:
    return make_submission(customer, state="held", hold_reason=reason, **fields)


@pytest.mark.parametrize("reason", ["before_start", "unlinked", "stopped"])
def test_a_held_submission_can_be_resumed(customer: Customer, administrator: User, reason: str) -> None:
    row = add_held(customer, reason)
    assert act(resume_submissions, administrator) == 1
    row.refresh_from_db()
    assert (row.state, row.hold_reason) == ("received", "")
    assert row.not_before is not None
    assert row.resumed_at is not None
    entry = Entry.objects.get(action="submission.resumed")
    assert (entry.actor_id, entry.target_id) == (str(administrator.pk), str(row.uuid))


@pytest.mark.parametrize("reason", ["foreign_url", "not_listed", "unconfirmed"])
def test_a_submission_that_cannot_be_fetched_cannot_be_resumed(
    customer: Customer, administrator: User, reason: str
) -> None:
    add_held(customer, reason)
    assert act(resume_submissions, administrator) == 0
    assert Submission.objects.get().state == "held"


def test_the_newest_are_fetched_first(customer: Customer, administrator: User) -> None:
    now = timezone.now()
    rows = [add_held(customer, "before_start", submitted_at=now - timedelta(days=age)) for age in (9, 1, 5)]
    assert act(resume_submissions, administrator) == 3
    due = list(Submission.objects.order_by("not_before"))
    assert due == [rows[1], rows[2], rows[0]]


@pytest.mark.parametrize("state", ["received", "fetching", "ready", "failed"])
def test_a_submission_can_be_stopped_and_resumed(customer: Customer, administrator: User, state: str) -> None:
    row = make_submission(customer, state=state, not_before=timezone.now())
    assert act(stop_submissions, administrator) == 1
    row.refresh_from_db()
    assert (row.state, row.hold_reason, row.not_before) == ("held", "stopped", None)
    assert act(stop_submissions, administrator) == 0
    assert act(resume_submissions, administrator) == 1


def test_a_failed_submission_is_retried_with_fresh_attempts(customer: Customer, administrator: User) -> None:
    row = make_submission(customer, state="failed", attempt_count=12, failure_reason="No.")
    broken, stored = make_capture(row, state="failed"), make_capture(row, state="stored")
    assert act(retry_submissions, administrator) == 1
    row.refresh_from_db()
    assert (row.state, row.attempt_count, row.failure_reason) == ("received", 0, "")
    assert Capture.objects.get(pk=broken.pk).state == "pending"
    assert Capture.objects.get(pk=stored.pk).state == "stored"
    assert act(retry_submissions, administrator) == 0


def test_checking_again_makes_a_ready_submission_due_and_leaves_its_state(
    customer: Customer, administrator: User
) -> None:
    row = make_submission(customer)
    check_again(submission=row, user=administrator, address=None)
    row.refresh_from_db()
    assert (row.state, row.not_before is not None) == ("ready", True)
    assert Entry.objects.filter(action="submission.checked_again").count() == 1


def test_a_held_submission_cannot_be_checked_again(customer: Customer, administrator: User) -> None:
    row = add_held(customer, "stopped")
    with pytest.raises(NotAllowed):
        check_again(submission=row, user=administrator, address=None)


def test_a_transition_that_is_not_allowed_changes_nothing(customer: Customer) -> None:
    row = make_submission(customer, state="received")
    with pytest.raises(NotAllowed):
        move_submission(pk=row.pk, to="ready")
    assert move_submissions(Submission.objects.all(), to="ready") == 0
    row.refresh_from_db()
    assert row.state == "received"


def test_the_database_wants_a_reason_for_a_hold_and_for_nothing_else(customer: Customer) -> None:
    with pytest.raises(IntegrityError):
        make_submission(customer, state="ready", hold_reason="stopped")


def test_every_state_has_a_rule() -> None:
    assert set(SUBMISSION_FROM) == set(Submission.State)
    assert set(CAPTURE_FROM) == set(Capture.State)
    # A report that was sent, or may have been, never becomes a draft again.
    assert REPORT_FROM["draft"] == frozenset()
    assert "delivered" not in {origin for origins in REPORT_FROM.values() for origin in origins}
