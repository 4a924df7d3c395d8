"""The table of failures names tests that exist, and no code waits or retries through the queue."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (F\d+) \| (.+?) \| (.+) \|$", TABLE, re.MULTILINE)
NUMBERS = [*range(1, 56), *range(86, 92)]


def test_every_number_has_a_row_with_a_test_or_a_reason() -> None:
    assert [number for number, _, _ in ROWS] == [f"F{number}" for number in NUMBERS]
    without = [number for number, _, proof in ROWS if "`" not in proof and len(proof.split()) < 5]
    assert without == []


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE)
    assert len(named) >= len(ROWS) // 2
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_nothing_waits_retries_or_answers_through_the_queue() -> None:
    forbidden = re.compile(
        r"\b(countdown|eta)=|\bautoretry_for\b|\.retry\(|\bchord\(|\bAsyncResult\b|\bdelay_on_commit\b"
    )
    packages = ("portal", "exams", "integrations", "accounts", "background", "audit", "foundation")
    found = [
        str(path.relative_to(ROOT))
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if forbidden.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
