"""`python -m integrations.clarius`, for people who debug an integration, against a whole Cloud."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integrations.clarius import Notification
from integrations.clarius.__main__ import CALLS, main
from tests.cloud import Cloud
from tests.contract.conftest import Side

ROOT = Path(__file__).parents[2]
NAMES = {
    "settings",
    "keys",
    "exams",
    "tokens",
    "records",
    "applications",
    "download",
    "confirm",
    "upload-report",
}
Ask = Callable[..., Any]


@pytest.fixture
def ask(side: Side, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Make one call on the command line and return the JSON that it prints."""
    monkeypatch.setenv("CLARIUS_BASE_URL", side.url)
    monkeypatch.setenv("CLARIUS_API_KEY", side.key)
    monkeypatch.setenv("CLARIUS_ALLOWED_NETWORKS", ",".join(side.networks))

    def run(*arguments: str) -> Any:
        assert main(list(arguments)) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_the_command_line_offers_the_documented_calls() -> None:
    assert set(CALLS) == NAMES


def test_reading_calls_print_json(ask: Ask, side: Side, submission: Notification) -> None:
    assert set(ask("settings")) >= {"notification_url", "token_transfer_url"}
    assert side.key.partition(".")[0] in [row["prefix"] for row in ask("keys")]
    assert submission.customer_id in ask("tokens")
    assert ask("exams", f"--customer={submission.customer_id}")[0]["customer_id"] == submission.customer_id
    assert isinstance(ask("records"), list)
    assert {row["name"] for row in ask("applications")["all"]} >= {"Cardiac"}
    data = ask("download", submission.download_url)
    assert (data["request_uuid"], "raw" in data) == (str(submission.request_uuid), False)


def test_a_customer_is_confirmed_and_a_report_is_sent(
    ask: Ask, sandbox: Cloud, submission: Notification, tmp_path: Path
) -> None:
    customer = sandbox.add_customer(name="New", token="-begins-with-a-dash")
    ask("confirm", "--", customer.token)
    assert sandbox.is_confirmed(token=customer.token)
    path = tmp_path / "echo.pdf"
    path.write_bytes(b"%PDF-1.4")
    ask("upload-report", str(submission.request_uuid), str(path), "--name", "Echo")
    (report,) = sandbox.reports()
    assert (report.name, report.file_name, report.content_type) == ("Echo", "echo.pdf", "application/pdf")


def test_it_runs_without_django_and_prints_a_failure_as_one_sentence_without_the_key(side: Side) -> None:
    wrong = "Q4nmtzH5.mvIzWOlklcrFJ3iWaJTFESYCzCe8j6TQ"
    environment = {
        "PATH": os.environ["PATH"],
        "CLARIUS_BASE_URL": side.url,
        "CLARIUS_API_KEY": wrong,
        "CLARIUS_ALLOWED_NETWORKS": ",".join(side.networks),
    }
    done = subprocess.run(
        [sys.executable, "-m", "integrations.clarius", "settings"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "did not accept the API key" in done.stderr
    assert wrong not in done.stderr
