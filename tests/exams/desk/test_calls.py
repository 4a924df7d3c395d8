"""The log of calls: when, status, latency and key prefix of each, bounded, never in the way."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.roles import ADMINISTRATORS
from background.leases import LeaseLost
from exams.models import Call, PollRun, Submission
from exams.services import calls
from exams.services.intake.notifications import store_notification
from exams.states import Failure
from integrations.models import Customer
from tests.cloud import Cloud, CloudCustomer, CloudSubmission
from tests.exams.cast import Stage, add_report
from tests.exams.conftest import Portal
from tests.people import logged_in, make_person

Submit = Callable[..., CloudSubmission]


@pytest.fixture
def administrator_of_portal(portal: Portal) -> Client:
    return logged_in(make_person("administrator", ADMINISTRATORS, is_staff=True))


def test_a_fetch_logs_a_call_for_the_data_and_one_for_the_files(portal: Portal, submit: Submit) -> None:
    row = portal.receive(submit())
    data, files = Call.objects.filter(submission=row).order_by("id")
    prefix = portal.service.api_keys.get().prefix
    assert (data.kind, data.status, data.key_prefix, data.error) == ("data", 200, prefix, "")
    assert (files.kind, files.key_prefix, files.error) == ("files", "", "")
    assert files.message == f"{row.capture_count} of {row.capture_count} files arrived."


def test_a_failed_call_is_logged_with_its_status(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    sent = submit()
    portal.poll()
    cloud.fault(match="download", kind="status", times=1, status=500)
    portal.work()
    call = Call.objects.get(submission=portal.row(sent))
    assert (call.kind, call.status, call.error) == ("data", 500, "ServerError")
    # In the words of the submission's page.
    assert call.message == Failure.DATA_AWAY.label == portal.row(sent).failure_sentence


def test_a_delivery_logs_a_call(portal: Portal, submit: Submit) -> None:
    row = portal.receive(submit())
    report = add_report(row, not_before="2020-01-01T00:00:00Z")
    portal.work()
    call = Call.objects.get(report=report)
    report.refresh_from_db()
    assert (report.state, call.kind, call.error) == ("delivered", "report", "")
    assert call.status in {200, 201, 204}


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ({"kind": "status", "status": 503}, "but it answered 503. It may have arrived."),
        ({"kind": "cut_after"}, "but its answer did not arrive. It may have arrived."),
    ],
)
def test_a_report_without_a_definite_answer_is_explained(
    portal: Portal, submit: Submit, cloud: Cloud, fault: dict[str, Any], end: str
) -> None:
    report = add_report(portal.receive(submit()), not_before="2020-01-01T00:00:00Z")
    cloud.fault(match="report", times=1, **fault)
    portal.work()
    call = Call.objects.get(report=report)
    assert (call.status, call.error) == (fault.get("status"), "UncertainOutcome")
    assert call.message.endswith(end)


@pytest.mark.parametrize(("status", "code"), [(404, "data_not_ready"), (410, "data_gone")])
def test_an_answer_about_the_data_is_explained_as_on_the_page(
    portal: Portal, submit: Submit, cloud: Cloud, status: int, code: str
) -> None:
    sent = submit()
    portal.poll()
    cloud.fault(match="download", kind="status", times=9, status=status)
    portal.work()
    row = portal.row(sent)
    assert row.failure_reason == code
    assert Call.objects.get(submission=row).message == row.get_failure_reason_display()


def test_a_question_about_a_notification_says_what_it_found(
    portal: Portal, submit: Submit, clinician: CloudCustomer
) -> None:
    sent = submit()
    true, forged = uuid.UUID(sent.request_uuid), uuid.uuid4()
    for key, message in ((true, "Clarius Cloud lists it."), (forged, "Clarius Cloud does not list it.")):
        store_notification(service_id=portal.service.pk, request_uuid=key, customer_id=sent.customer_id)
        Customer.objects.update(asked_at=None)
        portal.work()
        call = Call.objects.get(submission__request_uuid=key, kind=Call.Kind.CONFIRM)
        assert (call.status, call.error, call.message) == (200, "", message)


def test_files_of_an_interrupted_round_are_not_counted_as_arrived(portal: Portal, submit: Submit) -> None:
    row = portal.receive(submit())
    with pytest.raises(LeaseLost), calls.logged_files(submission=row, count=5) as outcomes:
        outcomes.append(None)
        raise LeaseLost
    assert Call.objects.latest("id").message == "1 of 5 files arrived."


def test_a_log_that_cannot_be_written_stops_nothing(
    portal: Portal, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise DatabaseError("read-only")

    monkeypatch.setattr(Call, "save", refuse)
    assert portal.receive(submit()).state == "ready"


def test_only_the_newest_calls_are_kept(stage: Stage, settings: Any) -> None:
    settings.CALLS_KEPT = 3
    for number in range(5):
        _note(stage.submission, message=str(number))
    kept = Call.objects.order_by("id").values_list("message", flat=True)
    assert list(kept) == ["2", "3", "4"]


def test_old_calls_are_deleted(stage: Stage, settings: Any) -> None:
    settings.CALLS_CLEAN_EVERY = 1
    _note(stage.submission, message="old")
    Call.objects.update(at=timezone.now() - timedelta(days=31))
    _note(stage.submission, message="new")
    assert list(Call.objects.values_list("message", flat=True)) == ["new"]


@pytest.mark.usefixtures("pages_of_two")
def test_a_poll_run_logs_a_call_for_each_page(portal: Portal, submit: Submit) -> None:
    for _ in range(5):
        submit(capture_count=1)
    portal.poll()
    found = list(Call.objects.filter(poll_run=PollRun.objects.get()).order_by("id"))
    prefix = portal.service.api_keys.get().prefix
    assert [call.message for call in found] == ["Page 1.", "Page 2.", "Page 3."]
    assert {(call.kind, call.status, call.key_prefix, call.error) for call in found} == {
        ("list", 200, prefix, "")
    }


@pytest.mark.usefixtures("pages_of_two")
def test_of_a_long_poll_run_the_first_page_and_the_newest_are_kept_in_one_write(
    portal: Portal, submit: Submit, settings: Any
) -> None:
    settings.CALLS_KEPT = 3
    for _ in range(9):
        submit(capture_count=1)
    with CaptureQueriesContext(connection) as queries:
        portal.poll()
    writes = [each for each in queries if each["sql"].startswith('INSERT INTO "exams_call"')]
    kept = Call.objects.order_by("id").values_list("message", flat=True)
    assert (list(kept), len(writes)) == (["Page 1.", "Page 4.", "Page 5."], 1)


@pytest.mark.parametrize(("status", "error"), [(500, "ServerError"), (401, "KeyRefused")])
@pytest.mark.usefixtures("pages_of_two")
def test_an_interrupted_poll_run_logs_at_which_page_and_why(
    portal: Portal, submit: Submit, cloud: Cloud, status: int, error: str
) -> None:
    for _ in range(3):
        submit(capture_count=1)
    cloud.fault(match="accessible", kind="status", times=100, status=status)
    assert portal.poll() is None
    call = Call.objects.get(poll_run=PollRun.objects.get())
    assert (call.status, call.error, call.key_prefix) == (status, error, portal.service.api_keys.get().prefix)
    assert call.message.startswith("Page 1. Clarius Cloud")


def test_the_page_of_a_poll_run_shows_its_calls_and_offers_no_action(
    portal: Portal, submit: Submit, administrator_of_portal: Client
) -> None:
    submit(capture_count=1)
    portal.poll()
    prefix = portal.service.api_keys.get().prefix
    answer = administrator_of_portal.get(f"/admin/exams/pollrun/{PollRun.objects.get().pk}/change/")
    page = answer.content.decode()
    assert "read the list" in page and ">200<" in page and f"{prefix}…" in page and " ms<" in page
    assert "The first page and the newest 49" in page and 'id="offers-title"' not in page


def test_calls_are_deleted_with_their_poll_run(portal: Portal, submit: Submit) -> None:
    submit(capture_count=1)
    portal.poll()
    PollRun.objects.update(started_at=timezone.now() - timedelta(days=31))
    portal.poll()
    assert PollRun.objects.count() == 1
    assert set(Call.objects.exclude(poll_run=None).values_list("poll_run", flat=True)) == {
        PollRun.objects.get().pk
    }


def test_a_poll_run_continues_when_its_calls_cannot_be_written(
    portal: Portal, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise DatabaseError("read-only")

    monkeypatch.setattr(Call.objects, "bulk_create", refuse)
    submit(capture_count=1)
    assert portal.poll() is not None


def test_the_page_of_a_submission_shows_its_calls(stage: Stage, administrator: Client) -> None:
    _note(stage.submission, message="Clarius Cloud failed to answer.", status=503)
    page = administrator.get(f"/admin/exams/submission/{stage.submission.pk}/change/").content.decode()
    assert "Clarius Cloud failed to answer." in page and ">503<" in page and "abcdefgh…" in page


def _note(submission: Submission, *, message: str, status: int | None = None) -> None:
    client: Any = SimpleNamespace(last_status=status, key_prefix="abcdefgh")
    with calls.logged_call(kind=Call.Kind.DATA, client=client, submission=submission) as call:
        call.message = message


def test_a_poll_run_is_shown_in_readable_units(stage: Stage) -> None:
    PollRun.objects.create(
        service=stage.service,
        started_at=timezone.now(),
        is_full=True,
        is_complete=False,
        page_count=1,
        seen_count=2,
        new_count=0,
        known_count=2,
        error_count=0,
        remote_count=2,
        local_count=3,
        seconds=0.07187601800001175,
    )
    browser = stage.browser("administrator")
    for address in ("/admin/exams/pollrun/", f"/admin/exams/pollrun/{PollRun.objects.get().pk}/change/"):
        page = browser.get(address).content.decode()
        assert "0.07 s" in page and "0.0718" not in page
        assert ">-1<" not in page and "interrupted" in page and "whole list" in page
