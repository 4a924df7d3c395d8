"""Polling: everything that the Cloud lists is here after one poll run."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from background.leases import release_all
from background.runner import run
from exams.models import PollRun, Submission
from exams.services.intake.notifications import store_notification
from exams.services.intake.polling import POLL
from exams.templatetags.exam_display import submitted
from foundation.checks import find_problems
from foundation.crypto import lookup_digest
from integrations.clarius import errors
from integrations.models import Customer, Service
from tests.around import Around
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.exams.rows import ago, in_parallel, link

Submit = Callable[..., CloudSubmission]


def service_row(portal: Portal) -> Service:
    return Service.objects.get(pk=portal.service.pk)


def known_requests() -> set[str]:
    return {str(each) for each in Submission.objects.values_list("request_uuid", flat=True)}


def test_one_poll_run_finds_everything_that_was_missed(portal: Portal, submit: Submit) -> None:
    sent = {submit(capture_count=1).request_uuid for _ in range(5)}
    poll_run = portal.poll()
    assert poll_run is not None
    assert (poll_run.seen_count, poll_run.new_count, poll_run.known_count) == (5, 5, 0)
    assert (poll_run.error_count, poll_run.is_whole) == (0, True)
    assert known_requests() == sent
    row = service_row(portal)
    assert (row.remote_count, row.last_error) == (5, "")
    assert row.polled_at is not None
    assert row.full_polled_at is not None
    stored = PollRun.objects.get()
    assert (stored.is_full, stored.is_complete, stored.new_count, stored.page_count) == (True, True, 5, 1)


def test_the_next_poll_run_is_due_in_time(portal: Portal, settings: Any) -> None:
    settings.POLL_MINUTES, settings.FULL_POLL_HOURS = 15, 24
    portal.poll()
    row = service_row(portal)
    assert abs(row.not_before - timezone.now() - timedelta(minutes=15)) < timedelta(minutes=1)
    assert abs(row.full_poll_due_at - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    settings.POLL_MINUTES = 48 * 60
    portal.poll()
    assert service_row(portal).not_before == service_row(portal).full_poll_due_at


@pytest.mark.usefixtures("pages_of_two")
def test_a_poll_run_stops_after_two_pages_of_known_rows_unless_it_is_full(
    portal: Portal, submit: Submit
) -> None:
    for _ in range(9):
        submit(capture_count=1)
    assert portal.poll().page_count == 5
    submit(capture_count=1)
    short = portal.poll()
    assert (short.page_count, short.new_count, short.is_whole) == (3, 1, False)
    full = portal.poll(is_full=True)
    assert (full.page_count, full.new_count, full.is_whole) == (5, 0, True)


@pytest.mark.usefixtures("pages_of_two")
@pytest.mark.parametrize("kind", ["grow", "reorder"])
def test_pages_may_change_during_a_poll_run(portal: Portal, submit: Submit, cloud: Cloud, kind: str) -> None:
    for _ in range(6):
        submit(capture_count=1)
    cloud.fault(match="accessible", kind=kind, times=3)
    portal.poll(is_full=True)
    cloud.clear_faults()
    portal.poll(is_full=True)
    assert known_requests() == {each.request_uuid for each in cloud.submissions()}


def test_an_outage_makes_the_next_poll_run_a_full_one(portal: Portal) -> None:
    portal.poll()
    portal.poll()
    Service.objects.update(polled_at=ago(hours=2))
    portal.poll()
    assert [poll_run.is_full for poll_run in PollRun.objects.order_by("id")] == [True, False, True]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"kind": "status", "status": 500, "body": "html"}, "failed to answer"),
        ({"kind": "html"}, ""),
        ({"kind": "cut"}, ""),
        ({"kind": "truncate", "fraction": 0.5}, ""),
        ({"kind": "foreign_next"}, ""),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else "",
)
def test_a_failed_poll_run_is_reported_loses_nothing_and_is_repeated(
    portal: Portal, submit: Submit, cloud: Cloud, fault: dict[str, Any], sentence: str
) -> None:
    submit(capture_count=1)
    cloud.fault(match="accessible", times=3, **fault)
    assert portal.poll() is None
    row = service_row(portal)
    assert row.last_error
    assert sentence in row.last_error
    assert row.not_before is not None
    assert row.polled_at is None
    assert PollRun.objects.get().is_complete is False
    cloud.clear_faults()
    assert portal.poll() is not None
    assert service_row(portal).last_error == ""
    assert known_requests() == {each.request_uuid for each in cloud.submissions()}


def test_throttling_is_honoured(portal: Portal, cloud: Cloud) -> None:
    cloud.fault(match="accessible", kind="status", status=429, headers={"Retry-After": "900"}, times=3)
    assert portal.poll() is None
    assert service_row(portal).not_before > timezone.now() + timedelta(seconds=890)


def test_a_refused_key_opens_the_circuit(portal: Portal, cloud: Cloud) -> None:
    cloud.fault(match="*", kind="status", status=403, body="json", times=9)
    assert portal.poll() is None
    assert service_row(portal).circuit_opened_at is not None
    calls = len(cloud.calls())
    assert portal.poll() is None
    assert len(cloud.calls()) == calls


def test_a_service_without_a_key_shows_that_as_its_error(portal: Portal) -> None:
    portal.service.api_keys.all().delete()
    assert portal.poll() is None
    assert service_row(portal).last_error == "No API key is in use. Type one in, or run connect_service."


def test_a_service_that_is_switched_off_is_not_asked(portal: Portal, cloud: Cloud) -> None:
    Service.objects.update(is_active=False)
    assert portal.poll() is None
    assert cloud.calls() == []
    assert service_row(portal).not_before is None


def test_of_three_workers_one_polls(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    submit(capture_count=1)
    Service.objects.update(not_before=ago(seconds=5))
    outcomes = in_parallel(3, lambda: run(POLL, pk=portal.service.pk))
    assert sum(outcome is not None for outcome in outcomes) == 1
    assert len(cloud.calls(path="/accessible/")) == 1


def test_a_full_pass_requested_meanwhile_is_not_forgotten(portal: Portal, around: Around) -> None:
    portal.poll()

    def ask_meanwhile(real: Any, **options: Any) -> Any:
        Service.objects.update(full_poll_due_at=timezone.now(), not_before=timezone.now())
        return real(**options)

    around.call("exam_pages", ask_meanwhile)
    portal.poll()
    row = service_row(portal)
    assert row.full_poll_due_at <= timezone.now()
    assert row.not_before <= timezone.now()


def test_a_customer_that_is_linked_later_gets_what_was_sent_before(
    portal: Portal, cloud: Cloud, submit: Submit
) -> None:
    stranger = cloud.add_customer(name="Dr. Mei Tanaka", is_confirmed=True)
    sent = submit(customer=stranger, capture_count=1)
    portal.poll()
    assert portal.row(sent).hold_reason == "unlinked"
    link(Customer.objects.get(token_digest=lookup_digest(stranger.token)))
    assert portal.receive(sent).state == "ready"


@pytest.mark.usefixtures("pages_of_two")
def test_an_interrupted_poll_run_is_followed_by_a_full_one(
    portal: Portal, submit: Submit, around: Around
) -> None:
    portal.poll()
    for _ in range(8):
        submit(capture_count=1)

    broken = []

    def break_off(real: Any) -> Any:
        for number, page in enumerate(real()):
            if number == 3 and not broken:
                broken.append(number)
                raise errors.Unreachable("The connection broke.")
            yield page

    around.call("exam_pages", break_off)
    assert portal.poll() is None
    assert len(known_requests()) == 6
    # The first pages are known by now; only reading the whole list finds what is missing.
    assert portal.poll().is_whole
    assert len(known_requests()) == 8


@pytest.mark.usefixtures("pages_of_two")
def test_a_poll_run_whose_worker_died_is_followed_by_a_full_one(portal: Portal, submit: Submit) -> None:
    portal.poll()
    for _ in range(8):
        submit(capture_count=1)
    portal.poll()
    # A killed worker leaves its lease, and its attempt is counted.
    Service.objects.update(not_before=ago(seconds=5), attempt_count=1)
    run(POLL, pk=portal.service.pk)
    assert PollRun.objects.first().is_whole


@pytest.mark.usefixtures("pages_of_two")
def test_a_poll_run_whose_process_was_stopped_is_followed_by_a_full_one(
    portal: Portal, submit: Submit, around: Around
) -> None:
    portal.poll()
    for _ in range(8):
        submit(capture_count=1)

    stopped = []

    def stop_in_the_middle(real: Any) -> Any:
        for number, page in enumerate(real()):
            if number == 3 and not stopped:
                stopped.append(release_all())
            yield page

    around.call("exam_pages", stop_in_the_middle)
    assert portal.poll() is None
    assert stopped == [1]
    assert Service.objects.get().attempt_count == 0
    assert len(known_requests()) == 6
    run(POLL, pk=portal.service.pk)
    assert PollRun.objects.first().is_whole
    assert len(known_requests()) == 8


def _answer(around: Around, **changes: Any) -> None:
    """Have the Cloud list every exam with these fields changed."""

    def change(real: Any, **options: Any) -> Any:
        for page in real(**options):
            results = tuple(replace(each, **changes) for each in page.results)
            yield replace(page, results=results)

    around.call("exam_pages", change)


def test_an_exam_whose_time_cannot_be_read_is_taken_and_says_so(
    portal: Portal, submit: Submit, around: Around
) -> None:
    sent = submit()
    _answer(around, submitted_at=None)
    portal.poll()
    portal.work()
    row = portal.row(sent)
    assert (row.state, row.is_time_unreadable) == ("ready", True)
    assert submitted(row).startswith("time unreadable, first listed")
    assert [each.count for each in find_problems() if each.code == "exams-without-time"] == [1]
    around.end()
    Service.objects.update(full_poll_due_at=timezone.now())
    portal.poll()
    row = portal.row(sent)
    assert not row.is_time_unreadable
    assert row.submitted_at < row.received_at


def test_a_list_with_items_that_cannot_be_read_counts_against_no_notification(
    portal: Portal, submit: Submit, around: Around
) -> None:
    submit()
    made_up = uuid.uuid4()
    token = Customer.objects.get().token
    store_notification(service_id=portal.service.pk, request_uuid=made_up, customer_id=token)

    def add_unread(real: Any, **options: Any) -> Any:
        for page in real(**options):
            error = errors.ProtocolError('The answer has no usable field "exam_uuid".', detail="submission 7")
            yield replace(page, faulty=(error,))

    around.call("exam_pages", add_unread)
    Service.objects.update(full_poll_due_at=timezone.now())
    run = portal.poll()
    assert (run.is_whole, run.error_count) == (True, 1)
    assert run.unread == ['The answer has no usable field "exam_uuid". (submission 7)']
    assert Submission.objects.get(request_uuid=made_up).missed_pass_count == 0
    assert [each.count for each in find_problems() if each.code == "exams-unread"] == [1]
    around.end()
    Service.objects.update(full_poll_due_at=timezone.now())
    portal.poll()
    assert Submission.objects.get(request_uuid=made_up).missed_pass_count == 1
    assert not [each for each in find_problems() if each.code == "exams-unread"]
