"""The checker finds each kind of damage, so a run without problems means something."""

import copy
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import GONE, NO_IMAGE, Truth, leaks, problems_of, wrong_failures
from tests.cloud import CloudCapture, CloudReport, CloudSubmission

KEY, OTHER, FORGED = (f"{number:08d}-0000-4000-8000-000000000000" for number in (1, 2, 3))
PICTURE, PAPER = b"a picture", b"a report"
Damage = Callable[[dict[str, Any], Path], object]


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _store(media: Path, content: bytes) -> str:
    name = f"files/{_sha(content)[:2]}/{_sha(content)}"
    (media / name).parent.mkdir(parents=True, exist_ok=True)
    (media / name).write_bytes(content)
    return name


@pytest.fixture
def census(tmp_path: Path) -> dict[str, Any]:
    """A ready exam, a held exam, a forged notification and a delivered report."""
    picture = {"state": "stored", "reason": "", "sha256": _sha(PICTURE), "files": [_store(tmp_path, PICTURE)]}
    counts = {"capture_count": 1, "stored_count": 1}
    none = {"capture_count": 0, "stored_count": 0, "captures": [], "reason": ""}
    return {
        "unsettled": [],
        "submissions": [
            {
                "request_uuid": KEY,
                "place": "ready",
                "is_confirmed": True,
                "reason": "",
                "captures": [picture],
                **counts,
            },
            {"request_uuid": OTHER, "place": "held unlinked", "is_confirmed": True, **none},
            {"request_uuid": FORGED, "place": "held unconfirmed", "is_confirmed": False, **none},
        ],
        "reports": [
            {
                "request_uuid": KEY,
                "state": "delivered",
                "sha256": _sha(PAPER),
                "file": _store(tmp_path, PAPER),
            }
        ],
    }


@pytest.fixture
def truth() -> Truth:
    capture = CloudCapture(uuid="capture-1", name="a", sha256=_sha(PICTURE), size=9, content_type="image/png")
    report = CloudReport(
        uuid="r",
        request_uuid=KEY,
        name="n",
        file_name="f",
        sha256=_sha(PAPER),
        size=8,
        content_type="application/pdf",
    )
    return Truth(
        submissions=[
            CloudSubmission(request_uuid=KEY, exam_uuid=KEY, customer_id="t", captures=(capture,)),
            CloudSubmission(request_uuid=OTHER, exam_uuid=OTHER, customer_id="u", captures=(capture,)),
        ],
        reports=[report],
        calls=[],
        acknowledged={KEY, FORGED},
        forged={FORGED},
    )


def test_a_whole_portal_has_no_problem(census: dict[str, Any], truth: Truth, tmp_path: Path) -> None:
    assert problems_of(census, truth, media=tmp_path) == []


def _spoil(census: dict[str, Any], media: Path) -> None:
    (media / census["submissions"][0]["captures"][0]["files"][0]).write_bytes(b"half a pict")


def _double(census: dict[str, Any], media: Path) -> None:
    census["submissions"][0]["captures"].append(copy.deepcopy(census["submissions"][0]["captures"][0]))


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a submission is lost": (lambda census, media: census["submissions"].pop(0), "is not stored"),
    "a listed one is lost": (lambda census, media: census["submissions"].pop(1), "listed and missing here"),
    "one has two rows": (
        lambda census, media: census["submissions"].append(census["submissions"][0]),
        "two rows",
    ),
    "one is not at the Cloud": (
        lambda census, media: census["submissions"][1].update(request_uuid="unknown"),
        "not at the Cloud",
    ),
    "a forged one is believed": (
        lambda census, media: census["submissions"][2].update(is_confirmed=True),
        "believed",
    ),
    "a capture is stored twice": (_double, "not those of the Cloud"),
    "a capture is missing": (lambda census, media: census["submissions"][0]["captures"].clear(), "captures"),
    "a count is wrong": (lambda census, media: census["submissions"][0].update(stored_count=2), "counts 2"),
    "a file is spoiled": (_spoil, "other bytes"),
    "a file is gone": (
        lambda census, media: (media / census["reports"][0]["file"]).unlink(),
        "is missing",
    ),
    "an orphan is left": (lambda census, media: _store(media, b"orphan"), "has no row"),
    "a report arrived and is called failed": (
        lambda census, media: census["reports"][0].update(state="failed"),
        "arrived 1 times",
    ),
    "a delivered report did not arrive": (
        lambda census, media: census["reports"][0].update(sha256=_sha(b"another")),
        "arrived 0 times",
    ),
    "something still moves": (
        lambda census, media: census["unsettled"].append("x is fetching"),
        "x is fetching",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found(name: str, census: dict[str, Any], truth: Truth, tmp_path: Path) -> None:
    damage, message = DAMAGES[name]
    damage(census, tmp_path)
    assert message in "\n".join(problems_of(census, truth, media=tmp_path))


def test_a_report_that_arrived_twice_is_found(census: dict[str, Any], truth: Truth, tmp_path: Path) -> None:
    truth.reports.append(truth.reports[0])
    assert "arrived 2 times" in "\n".join(problems_of(census, truth, media=tmp_path))


@pytest.mark.parametrize(
    ("reason", "call", "has_cause"),
    [
        (GONE, {"status": 410, "path": f"/download-requests/{KEY}/data/", "fault": "status"}, True),
        (GONE, {"status": 410, "path": f"/download-requests/{OTHER}/data/", "fault": "status"}, False),
        ("0 of 1 captures arrived.", {"status": 200, "path": "/media/capture-1/a", "fault": "html"}, True),
        ("0 of 1 captures arrived.", {"status": 200, "path": "/media/capture-9/a", "fault": "html"}, False),
    ],
)
def test_a_failure_needs_a_cause_at_the_cloud(
    reason: str, call: dict[str, Any], has_cause: bool, census: dict[str, Any], truth: Truth
) -> None:
    census["submissions"][0].update(place="failed", reason=reason)
    census["submissions"][0]["captures"][0].update(state="failed", reason=NO_IMAGE)
    truth.calls.append(call)
    assert (wrong_failures(census, truth) == []) is has_cause


def test_a_secret_in_a_log_is_found_without_being_repeated() -> None:
    assert leaks("… token=abc …", needles={"the token": "abc", "the key": "xyz"}) == [
        "a log contains the token"
    ]
