"""Commands with which programs read exams and answer them."""

import getpass
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from accounts.roles import REVIEWERS
from audit.models import Entry
from exams.models import Report, Submission
from integrations.models import ReviewerAccess
from tests.cloud import Cloud, CloudSubmission
from tests.exams.conftest import Portal
from tests.people import logged_in, make_person

Submit = Callable[..., CloudSubmission]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command and return what it printed."""

    def call(*arguments: Any) -> str:
        capsys.readouterr()
        call_command(*(str(each) for each in arguments))
        return capsys.readouterr().out

    return call


Run = Callable[..., str]


def test_poll_exams_prints_what_it_found(portal: Portal, submit: Submit, run: Run) -> None:
    submit(capture_count=1)
    assert run("poll_exams") == "echo: 1 listed, 1 new, 0 unreadable\n"
    again = json.loads(run("poll_exams", "--service", "echo", "--full", "--json"))
    assert (again["echo"]["seen_count"], again["echo"]["known_count"], again["echo"]["is_whole"]) == (
        1,
        1,
        True,
    )


def test_poll_exams_fails_with_one_sentence(portal: Portal, cloud: Cloud, run: Run) -> None:
    cloud.fault(match="accessible", kind="status", status=500, times=3)
    with pytest.raises(CommandError, match="echo: Clarius Cloud failed to answer"):
        run("poll_exams")
    with pytest.raises(CommandError, match="no such active service"):
        run("poll_exams", "--service", "nobody")


@pytest.fixture
def received(portal: Portal, submit: Submit) -> Submission:
    return portal.receive(submit(patient={"identifier": "MRN-3", "last_name": "Mensah"}))


def test_export_writes_the_originals_and_a_manifest(received: Submission, run: Run, tmp_path: Path) -> None:
    printed = json.loads(run("export_submission", received.uuid, "--to", tmp_path / "out", "--json"))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert printed == manifest
    assert manifest["request_uuid"] == str(received.request_uuid)
    assert "patient" not in manifest
    captures = list(received.captures.all())
    assert [each["position"] for each in manifest["captures"]] == [each.position for each in captures]
    for entry, capture in zip(manifest["captures"], captures, strict=True):
        content = (tmp_path / "out" / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"] == capture.sha256
        assert entry["type"] == capture.media_type
    assert Entry.objects.filter(action="submission.exported", target_id=str(received.uuid)).exists()


def test_export_names_the_patient_only_when_asked(received: Submission, run: Run, tmp_path: Path) -> None:
    run("export_submission", received.request_uuid, "--to", tmp_path, "--demographics")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["patient"] == {"identifier": "MRN-3", "last_name": "Mensah"}
    assert "Mensah" not in run("export_submission", received.uuid, "--to", tmp_path)


def test_a_held_submission_is_not_exported(received: Submission, run: Run, tmp_path: Path) -> None:
    Submission.objects.update(state="held", hold_reason="stopped")
    with pytest.raises(CommandError, match="held"):
        run("export_submission", received.uuid, "--to", tmp_path)
    assert list(tmp_path.glob("*.json")) == []


def test_a_program_answers_an_exam(
    received: Submission, portal: Portal, cloud: Cloud, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "echo.pdf").write_bytes(b"%PDF-1.7 report\n%%EOF\n")
    answer = json.loads(
        run("add_report", received.request_uuid, tmp_path / "echo.pdf", "--name", "Echo report", "--json")
    )
    assert answer["state"] == "signed"
    portal.work()
    assert Report.objects.get().state == "delivered"
    [arrived] = cloud.reports(request_uuid=str(received.request_uuid))
    assert (arrived.sha256, arrived.name) == (answer["sha256"], "Echo report")


def test_a_report_without_an_account_is_signed_by_command(
    received: Submission, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "echo.pdf").write_bytes(b"%PDF-1.7 report\n%%EOF\n")
    user = getpass.getuser()
    assert f"is signed by command (system user {user})." in run(
        "add_report", received.uuid, tmp_path / "echo.pdf", "--name", "Echo"
    )
    report = Report.objects.get()
    assert (report.author, report.command_user) == (None, user)
    for action in ("report.drafted", "report.signed"):
        named = Entry.objects.get(action=action).identifiers
        assert (named["by"], named["system_user"]) == ("command", user)
    reviewer = make_person("reviewer", REVIEWERS)
    ReviewerAccess.objects.create(user=reviewer, service=received.service)
    browser = logged_in(reviewer)
    for address in (f"/exams/{received.uuid}/", f"/reports/{report.uuid}/"):
        assert f"by <bdi>command (system user {user})</bdi>" in browser.get(address).content.decode()


@pytest.mark.parametrize(("name", "content"), [("echo.pdf", b""), ("echo.pdf", b"<html>"), ("x.exe", b"MZ")])
def test_a_file_that_is_not_a_report_is_refused(
    received: Submission, run: Run, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CommandError):
        run("add_report", received.uuid, tmp_path / name, "--name", "Echo")
    assert not Report.objects.exists()


def test_only_an_account_with_review_access_can_sign_by_name(
    received: Submission, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "echo.pdf").write_bytes(b"%PDF-1.7 report\n%%EOF\n")
    User.objects.create_user("outsider@example.test", "a long password")
    for email in ("outsider@example.test", "nobody@example.test"):
        with pytest.raises(CommandError, match="No account with this e-mail address may review"):
            run("add_report", received.uuid, tmp_path / "echo.pdf", "--name", "Echo", "--as", email)
    assert not Report.objects.exists()
