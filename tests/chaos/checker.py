"""Compare what the portal has stored after it settled with the Cloud, and report every difference."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exams.states import Failure
from tests.cloud import CloudReport, CloudSubmission

GONE = Failure.DATA_GONE
NO_IMAGE = Failure.FILE_TYPE
CRASHED = Failure.TOO_MANY_TRIES


@dataclass(frozen=True)
class Truth:
    """The data of the Cloud, and the notifications that the portal acknowledged."""

    submissions: list[CloudSubmission]
    reports: list[CloudReport]
    calls: list[dict[str, Any]]
    acknowledged: set[str]
    forged: set[str]


def wrong_failures(census: Mapping[str, Any], truth: Truth) -> list[str]:
    """Return a text for each submission that failed without a cause at the Cloud."""
    captures = {row.request_uuid: [capture.uuid for capture in row.captures] for row in truth.submissions}
    problems = []
    for row in census["submissions"]:
        if row["place"] == "failed" and not _has_cause(row, captures.get(row["request_uuid"], []), truth):
            problems.append(f"{row['request_uuid']} failed without a cause: {row['reason']}")
    return problems


def _has_cause(row: Mapping[str, Any], captures: list[str], truth: Truth) -> bool:
    # Workers that were killed at every try of an exam are a cause too.
    if row["reason"] == CRASHED:
        return True
    wanted = {"410": row["request_uuid"]} if row["reason"] == GONE else {}
    for call in truth.calls:
        if wanted and call["status"] == 410 and row["request_uuid"] in call["path"]:
            return True
        if not wanted and call["fault"] == "html" and any(each in call["path"] for each in captures):
            return any(each["reason"] == NO_IMAGE for each in row["captures"])
    return False


def problems_of(census: Mapping[str, Any], truth: Truth, *, media: Path) -> list[str]:
    """Return a text for everything that is lost, duplicated, damaged or left over."""
    return [
        *_submission_problems(census, truth),
        *_capture_problems(census, truth),
        *_report_problems(census, truth),
        *_file_problems(census, media=media),
    ]


def _submission_problems(census: Mapping[str, Any], truth: Truth) -> Iterable[str]:
    yield from (f"did not settle: {each}" for each in census["unsettled"])
    stored = {row["request_uuid"]: row for row in census["submissions"]}
    listed = {row.request_uuid for row in truth.submissions}
    yield from (f"{key} was acknowledged and is not stored" for key in truth.acknowledged - stored.keys())
    yield from (f"{key} is listed and missing here" for key in listed - stored.keys())
    yield from (f"{key} is here but not at the Cloud" for key in stored.keys() - listed - truth.forged)
    for key in stored.keys() & truth.forged:
        if stored[key]["is_confirmed"] or stored[key]["captures"]:
            yield f"{key} was forged and believed"
    if len(stored) != len(census["submissions"]):
        yield "a request_uuid has two rows"


def _capture_problems(census: Mapping[str, Any], truth: Truth) -> Iterable[str]:
    sources = {row.request_uuid: row.captures for row in truth.submissions}
    for row in census["submissions"]:
        if row["place"] != "ready":
            continue
        wanted = Counter(capture.sha256 for capture in sources[row["request_uuid"]])
        got = Counter(capture["sha256"] for capture in row["captures"])
        if wanted != got:
            yield f"{row['request_uuid']} has {sum(got.values())} captures that are not those of the Cloud"
        if not row["capture_count"] == row["stored_count"] == sum(wanted.values()):
            yield f"{row['request_uuid']} counts {row['stored_count']} of {row['capture_count']}"


def _report_problems(census: Mapping[str, Any], truth: Truth) -> Iterable[str]:
    arrived = Counter((report.request_uuid, report.sha256) for report in truth.reports)
    allowed = {"delivered": {1}, "uncertain": {0, 1}, "failed": {0}, "draft": {0}}
    for row in census["reports"]:
        count = arrived.pop((row["request_uuid"], row["sha256"]), 0)
        if count not in allowed.get(row["state"], set()):
            yield f"a report for {row['request_uuid']} is {row['state']} and arrived {count} times"
    yield from (f"a report for {key} is at the Cloud without a signed report here" for key, _ in arrived)


def _file_problems(census: Mapping[str, Any], *, media: Path) -> Iterable[str]:
    named = {name for row in census["submissions"] for each in row["captures"] for name in each["files"]}
    named |= {name for row in census["reports"] for name in (row["file"], *row.get("pages", ()))}
    found = {str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()}
    yield from (f"{name} is missing" for name in named - found)
    yield from (f"{name} has no row" for name in found - named)
    for name in named & found:
        digest = hashlib.sha256((media / name).read_bytes()).hexdigest()
        if digest != Path(name).name:
            yield f"{name} has other bytes"
    for row in census["submissions"]:
        for each in row["captures"]:
            if each["state"] == "stored" and each["sha256"] not in each["files"][0]:
                yield f"a capture of {row['request_uuid']} names the file of another"


def leaks(text: str, *, needles: Mapping[str, str]) -> list[str]:
    """Return a text for each secret that occurs in `text`, without repeating it."""
    return [f"a log contains {name}" for name, needle in needles.items() if needle in text]
