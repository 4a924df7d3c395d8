"""The log of calls: when, status, latency and key prefix of each, bounded, never in the way."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from exams.models import Call, Submission
from exams.services import calls
from tests.cloud import Cloud, CloudSubmission
from tests.exams.cast import Stage, add_report
from tests.exams.conftest import Portal

Submit = Callable[..., CloudSubmission]


def test_a_fetch_leaves_a_line_for_the_data_and_one_for_the_files(portal: Portal, submit: Submit) -> None:
    row = portal.receive(submit())
    data, files = Call.objects.filter(submission=row).order_by("id")
    prefix = portal.service.api_keys.get().prefix
    assert (data.kind, data.status, data.key_prefix, data.error) == ("data", 200, prefix, "")
    assert (files.kind, files.key_prefix, files.error) == ("files", "", "")
    assert files.message == f"{row.capture_count} of {row.capture_count} files arrived."


def test_what_went_wrong_stands_there_with_its_status(portal: Portal, submit: Submit, cloud: Cloud) -> None:
    sent = submit()
    portal.poll()
    cloud.fault(match="download", kind="status", times=1, status=500)
    portal.work()
    call = Call.objects.get(submission=portal.row(sent))
    assert (call.kind, call.status, call.error) == ("data", 500, "ServerError")
    assert call.message == "Clarius Cloud failed to answer."


def test_a_delivery_leaves_a_line(portal: Portal, submit: Submit) -> None:
    row = portal.receive(submit())
    report = add_report(row, not_before="2020-01-01T00:00:00Z")
    portal.work()
    call = Call.objects.get(report=report)
    report.refresh_from_db()
    assert (report.state, call.kind, call.error) == ("delivered", "report", "")
    assert call.status in {200, 201, 204}


def test_a_log_that_cannot_be_written_stops_nothing(
    portal: Portal, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise DatabaseError("read-only")

    monkeypatch.setattr(Call, "save", refuse)
    assert portal.receive(submit()).state == "ready"


def test_only_the_newest_are_kept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "KEPT_FOR_EACH", 3)
    for number in range(5):
        _note(stage.submission, message=str(number))
    kept = Call.objects.order_by("id").values_list("message", flat=True)
    assert list(kept) == ["2", "3", "4"]


def test_old_ones_are_forgotten(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "CLEAN_EVERY", 1)
    _note(stage.submission, message="old")
    Call.objects.update(at=timezone.now() - timedelta(days=31))
    _note(stage.submission, message="new")
    assert list(Call.objects.values_list("message", flat=True)) == ["new"]


def test_the_page_of_a_submission_shows_its_attempts(stage: Stage, administrator: Client) -> None:
    _note(stage.submission, message="Clarius Cloud failed to answer.", status=503)
    page = administrator.get(f"/admin/exams/submission/{stage.submission.pk}/change/").content.decode()
    assert "Clarius Cloud failed to answer." in page and ">503<" in page and "abcdefgh…" in page


def _note(submission: Submission, *, message: str, status: int | None = None) -> None:
    calls.note_call(
        kind=Call.Kind.DATA,
        seconds=0.25,
        status=status,
        error=None,
        message=message,
        key_prefix="abcdefgh",
        submission=submission,
    )
