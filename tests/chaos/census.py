"""Print as JSON all that the portal has stored: `python -m tests.chaos.census EXPECTED SECONDS [retry]`.

It waits until every submission in the file EXPECTED is in a state listed there and no report is under way.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.db import connection  # noqa: E402
from django.db.models import Q  # noqa: E402

from exams.models import Capture, Report, Submission  # noqa: E402
from exams.services.holds.holding import retry_submissions  # noqa: E402
from tests.chaos.desk import is_answered_here  # noqa: E402

UNDER_WAY = (Report.State.SIGNED, Report.State.SENDING)


def states() -> dict[str, str]:
    """Return the state of each submission, of a held one with its reason."""
    rows = Submission.objects.values_list("request_uuid", "state", "hold_reason")
    return {str(key): f"{state} {hold}".strip() for key, state, hold in rows}


def unsettled(expected: dict[str, list[str]]) -> list[str]:
    """Return a text for each row that is still being worked on or is in an unexpected state."""
    found = states()
    answered = {
        str(key) for key in Report.objects.signed().values_list("submission__request_uuid", flat=True)
    }
    unexpected = [
        f"{key} is {found.get(key)}" for key, places in expected.items() if found.get(key) not in places
    ]
    unanswered = [
        f"{key} has no report"
        for key, state in found.items()
        if state == "ready" and is_answered_here(key) and key not in answered
    ]
    under_way = [
        f"report {each.uuid} is {each.state}"
        for each in Report.objects.filter(Q(state__in=UNDER_WAY) | Q(not_before__isnull=False))
    ]
    previews = Capture.objects.filter(not_before__isnull=False).count()
    return [*unexpected, *unanswered, *under_way, *([f"{previews} previews are due"] if previews else [])]


def census() -> dict[str, Any]:
    """Return every submission with its captures, and every report."""
    captures: dict[int, list[dict[str, Any]]] = {}
    for each in Capture.objects.all():
        files = [name for name in (each.file, each.thumbnail, each.preview) if name]
        facts = {"state": each.state, "reason": each.failure_reason, "sha256": each.sha256, "files": files}
        captures.setdefault(each.submission_id, []).append(facts)
    submissions = [
        {
            "request_uuid": str(each.request_uuid),
            "place": f"{each.state} {each.hold_reason}".strip(),
            "reason": each.failure_reason,
            "is_confirmed": each.customer_id is not None,
            "capture_count": each.capture_count,
            "stored_count": each.stored_count,
            "captures": captures.get(each.pk, []),
        }
        for each in Submission.objects.all()
    ]
    reports = [
        {
            "request_uuid": str(each.submission.request_uuid),
            "state": each.state,
            "sha256": each.sha256,
            "file": each.file,
            "pages": [page.file for page in each.pages.all()],
        }
        for each in Report.objects.select_related("submission").prefetch_related("pages")
    ]
    return {"submissions": submissions, "reports": reports}


def main(expected_file: str, seconds: str, option: str = "") -> None:
    """Wait, then print the census with what did not settle in time."""
    expected = json.loads(Path(expected_file).read_text())
    if option == "retry":
        retry_submissions(queryset=Submission.objects.filter(state="failed"), user=None, address=None)
    until = time.monotonic() + float(seconds)
    while (open_ends := unsettled(expected)) and time.monotonic() < until:
        connection.close()
        time.sleep(1)
    print(json.dumps(census() | {"unsettled": open_ends}))


if __name__ == "__main__":
    main(*sys.argv[1:])
