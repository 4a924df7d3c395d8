"""Listed rows become submissions, whatever notifications claimed before."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Entry
from exams.models import Exam, Submission
from exams.services.holds.holding import resume_linked
from exams.services.intake._listed import take_page
from exams.services.intake.notifications import store_notification
from integrations.clarius import Notification
from integrations.models import Customer, Link, Service
from tests.exams.rows import ago, in_parallel, link, make_customer, make_service, new_token, notification

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(db: None) -> Service:
    return make_service()


@pytest.fixture
def customer(service: Service) -> Customer:
    return make_customer(service)


def notify(service: Service, token: str) -> Submission:
    request_uuid = uuid.uuid4()
    store_notification(service_id=service.pk, request_uuid=request_uuid, customer_id=token)
    return Submission.objects.get(request_uuid=request_uuid)


def settled(listed: Notification) -> tuple[str, str, bool]:
    row = Submission.objects.get(request_uuid=listed.request_uuid)
    return row.state, row.hold_reason, row.not_before is not None


def test_a_listed_submission_of_a_linked_customer_is_due(service: Service, customer: Customer) -> None:
    listed = notification(customer.token)
    taken = take_page(service=service, notifications=[listed])
    assert (taken.new, taken.known, taken.changed) == (1, 0, 0)
    assert settled(listed) == ("received", "", True)
    row = Submission.objects.get()
    assert (row.customer, row.exam.exam_uuid) == (customer, listed.exam_uuid)
    assert (row.download_url, row.submitted_at) == (listed.download_url, listed.submitted_at)
    assert row.polled_at is not None
    assert row.notified_at is None


def test_a_submission_of_an_unlinked_customer_is_held(service: Service) -> None:
    listed = notification(new_token())
    take_page(service=service, notifications=[listed])
    assert settled(listed) == ("held", "unlinked", False)


def test_a_notification_that_comes_after_the_list_only_adds_its_time(
    service: Service, customer: Customer
) -> None:
    listed = notification(customer.token)
    take_page(service=service, notifications=[listed])
    before = Submission.objects.values().get()
    for _ in range(2):
        store_notification(
            service_id=service.pk, request_uuid=listed.request_uuid, customer_id=customer.token
        )
        after = Submission.objects.values().get()
        first = before["notified_at"] or after["notified_at"]
        assert first is not None
        # A repeat keeps the time of the first one.
        assert after == before | {"notified_at": first}
        before = after


def test_a_customer_that_is_linked_later_gets_all(service: Service) -> None:
    token = new_token()
    listed = [notification(token) for _ in range(3)]
    waiting_notification = notify(service, token)
    Submission.objects.filter(pk=waiting_notification.pk).update(hold_reason="unlinked", not_before=None)
    take_page(service=service, notifications=listed)
    link(Customer.objects.get())
    assert resume_linked(service=service) == 4
    assert [settled(each) for each in listed] == [("received", "", True)] * 3
    waiting_notification.refresh_from_db()
    assert (waiting_notification.hold_reason, waiting_notification.not_before is not None) == (
        "unconfirmed",
        True,
    )
    assert resume_linked(service=service) == 0


@pytest.mark.parametrize("state", [Link.State.PENDING, Link.State.UNLINKED, Link.State.GONE])
def test_a_link_that_is_not_confirmed_now_resumes_nothing(
    service: Service, customer: Customer, state: str
) -> None:
    Link.objects.update(state=state)
    listed = notification(customer.token)
    take_page(service=service, notifications=[listed])
    assert settled(listed) == ("held", "unlinked", False)
    assert resume_linked(service=service) == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/data/",
        "http://cloud.example.com/data/",
        "https://cloud.example.com:8443/data/",
        "https://cloud.example.com@evil.example.com/",
        "http://127.0.0.1\\@cloud.example.com/",
        "https://cloud.example.com.evil.example.com/",
        "",
        "/data/",
    ],
)
def test_a_foreign_download_address_is_held(service: Service, customer: Customer, url: str) -> None:
    listed = notification(customer.token, download_url=url)
    take_page(service=service, notifications=[listed])
    assert settled(listed) == ("held", "foreign_url", False)


def test_a_submission_held_for_a_foreign_address_is_fetched_when_the_list_corrects_it(
    service: Service, customer: Customer
) -> None:
    foreign = notification(customer.token, download_url="https://evil.example.com/")
    take_page(service=service, notifications=[foreign])
    corrected = notification(customer.token, request_uuid=foreign.request_uuid)
    assert take_page(service=service, notifications=[corrected]).changed == 1
    assert settled(corrected) == ("received", "", True)


@pytest.mark.parametrize(
    ("take", "since", "submitted", "expected"),
    [
        ("all", None, timedelta(days=300), ""),
        ("new", None, timedelta(days=1), "before_start"),
        ("new", None, timedelta(seconds=-5), ""),
        ("since", timedelta(days=10), timedelta(days=11), "before_start"),
        ("since", timedelta(days=10), timedelta(days=9), ""),
    ],
)
def test_a_submission_from_before_the_start_is_held(
    take: str, since: timedelta | None, submitted: timedelta, expected: str
) -> None:
    now = timezone.now()
    service = make_service(take=take, take_since=since and now - since)
    customer = make_customer(service)
    listed = notification(customer.token, submitted_at=now - submitted)
    take_page(service=service, notifications=[listed])
    assert settled(listed)[1] == expected


def test_the_list_overrides_a_forged_notification(service: Service, customer: Customer) -> None:
    forged = notify(service, new_token())
    listed = notification(customer.token, request_uuid=forged.request_uuid)
    take_page(service=service, notifications=[listed])
    forged.refresh_from_db()
    assert (forged.customer, forged.state) == (customer, "received")
    assert Entry.objects.get(action="submission.conflict").target_id == str(forged.uuid)


def test_the_customer_that_was_confirmed_first_stays(service: Service, customer: Customer) -> None:
    listed = notification(customer.token)
    take_page(service=service, notifications=[listed])
    thief = make_customer(service)
    stolen = notification(thief.token, request_uuid=listed.request_uuid, download_url="https://x.example/")
    for _ in range(3):
        take_page(service=service, notifications=[stolen])
    row = Submission.objects.get()
    assert (row.customer, row.download_url) == (customer, listed.download_url)
    assert Entry.objects.filter(action="submission.conflict").count() == 1


def test_a_page_of_known_rows_takes_one_statement(
    service: Service, customer: Customer, django_assert_num_queries: Any
) -> None:
    page = [notification(customer.token) for _ in range(100)]
    assert take_page(service=service, notifications=page).new == 100
    with django_assert_num_queries(1):
        assert take_page(service=service, notifications=page).known == 100


def test_new_rows_are_written_together(
    service: Service, customer: Customer, django_assert_max_num_queries: Any
) -> None:
    page = [notification(new_token() if number % 2 else customer.token) for number in range(20)]
    with django_assert_max_num_queries(16):
        take_page(service=service, notifications=page)
    assert Submission.objects.filter(state="received").count() == 10


def test_a_row_that_is_repeated_in_a_page_is_stored_once(service: Service, customer: Customer) -> None:
    listed = notification(customer.token)
    assert take_page(service=service, notifications=[listed, listed]).new == 1


def test_two_members_who_submit_one_exam_never_share_it(service: Service, customer: Customer) -> None:
    colleague, exam_uuid = make_customer(service), uuid.uuid4()
    take_page(
        service=service,
        notifications=[notification(each.token, exam_uuid=exam_uuid) for each in (customer, colleague)],
    )
    assert Exam.objects.filter(exam_uuid=exam_uuid).count() == 2
    assert {row.exam.customer_id for row in Submission.objects.all()} == {customer.pk, colleague.pk}


def test_one_exam_submitted_twice_is_two_submissions(service: Service, customer: Customer) -> None:
    exam_uuid = uuid.uuid4()
    take_page(
        service=service, notifications=[notification(customer.token, exam_uuid=exam_uuid) for _ in range(2)]
    )
    assert Exam.objects.get().submissions.count() == 2


def test_a_stopped_submission_stays_stopped(service: Service, customer: Customer) -> None:
    stopped = notify(service, customer.token)
    Submission.objects.update(hold_reason="stopped", not_before=None)
    listed = notification(customer.token, request_uuid=stopped.request_uuid)
    take_page(service=service, notifications=[listed])
    assert settled(listed) == ("held", "stopped", False)
    assert Submission.objects.get().customer == customer


def test_a_notification_that_was_given_up_is_confirmed_when_it_is_listed(
    service: Service, customer: Customer
) -> None:
    late = notify(service, customer.token)
    Submission.objects.update(hold_reason="not_listed", not_before=None, received_at=ago(days=5))
    listed = notification(customer.token, request_uuid=late.request_uuid)
    take_page(service=service, notifications=[listed])
    assert settled(listed) == ("received", "", True)


@pytest.mark.django_db(transaction=True)
def test_poll_runs_at_the_same_moment_store_each_row_once() -> None:
    service = make_service()
    customer = make_customer(service)
    page = [notification(new_token() if number % 3 else customer.token) for number in range(30)]
    answers = in_parallel(4, lambda: take_page(service=service, notifications=page))
    assert not [each for each in answers if isinstance(each, Exception)]
    assert Submission.objects.count() == 30
    assert Customer.objects.count() == 21


@pytest.mark.django_db(transaction=True)
def test_notifications_and_poll_runs_at_the_same_moment_do_not_deadlock() -> None:
    service = make_service()
    customer = make_customer(service)
    page = [notification(customer.token) for _ in range(20)]

    def write() -> None:
        for each in page:
            notify(service, new_token())
            store_notification(
                service_id=service.pk, request_uuid=each.request_uuid, customer_id=customer.token
            )
        take_page(service=service, notifications=page)

    answers = in_parallel(4, write)
    assert [each for each in answers if isinstance(each, Exception)] == []
    assert Submission.objects.filter(customer=None).count() == 80
    assert Submission.objects.filter(customer=customer, state="received").count() == 20
