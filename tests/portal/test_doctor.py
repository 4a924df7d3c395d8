"""`manage.py doctor` reports findings before anything is set and before the database exists."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT

SECRETS = {
    "SECRET_KEY": "suite-only-0123456789abcdefghijklmnopqrstuvwxyz",
    "TOKEN_LOOKUP_KEY": "suite-only-zyxwvutsrqponmlkjihgfedcba9876543210",
    "FIELD_ENCRYPTION_KEYS": "c3VpdGUtb25seS1zdWl0ZS1vbmx5LXN1aXRlLW9ubHk=",
}


def _doctor(folder: Path, *arguments: str, **changes: str | None) -> "subprocess.CompletedProcess[str]":
    given = (
        SECRETS
        | {
            "DATABASE_URL": f"sqlite:///{folder / 'new.sqlite3'}",
            "VAR_DIR": str(folder),
            "MEDIA_ROOT": str(folder),
        }
        | changes
    )
    environment = {name: value for name, value in given.items() if value is not None}
    return subprocess.run(
        [sys.executable, "manage.py", "doctor", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _findings(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    report = json.loads(done.stdout)
    assert (done.returncode, report["is_well"]) == (1, False)
    assert "Traceback" not in done.stderr
    return list(report["findings"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *((name, None, f"{name} is not set.") for name in SECRETS),
        ("SECRET_KEY", "change-me", "SECRET_KEY is too weak."),
        ("FIELD_ENCRYPTION_KEYS", "abc", "FIELD_ENCRYPTION_KEYS contains a value that is not a Fernet key."),
        ("PUBLIC_URL", "http://portal.example.com", "PUBLIC_URL must begin with https://"),
        ("POLL_MINUTES", "often", "POLL_MINUTES must be a whole number, not 'often'."),
    ],
)
def test_settings_that_cannot_be_read_are_a_finding(
    tmp_path: Path, name: str, value: str | None, message: str
) -> None:
    (finding,) = _findings(_doctor(tmp_path, "--json", **{name: value}))
    assert (finding["code"], finding["level"]) == ("settings", "failed")
    assert message in finding["sentence"]
    plain = _doctor(tmp_path, **{name: value})
    assert plain.stdout.startswith("FAILED  settings: ")
    assert (plain.returncode, plain.stderr) == (1, "CommandError: 1 of 1 checks failed.\n")


def test_a_database_without_tables_is_one_finding(tmp_path: Path) -> None:
    findings = _findings(_doctor(tmp_path, "--json"))
    (failed,) = [each for each in findings if each["level"] == "failed"]
    assert failed["code"] == "migrations"
    assert "migrations are missing. Run: manage.py migrate" in failed["sentence"]
    assert {"broker", "media-folder", "disk-full", "mail-server", "public-address"} <= {
        each["code"] for each in findings
    }


def test_without_an_option_the_findings_are_lines_of_text(tmp_path: Path) -> None:
    lines = _doctor(tmp_path).stdout.splitlines()
    (line,) = [each for each in lines if "PUBLIC_URL" in each]
    assert line.startswith("note    public address: ")
