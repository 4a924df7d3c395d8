"""A reviewer that works all the time: signs one report for a third of the ready submissions.

It runs as a process in the portal's environment: `python -m tests.chaos.desk FOLDER`.
"""

import os
import sys
import time
import uuid
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.core.files import File  # noqa: E402
from django.db import DatabaseError, InterfaceError, close_old_connections  # noqa: E402

from exams.models import Report, Submission  # noqa: E402
from exams.services.reports.drafts import create_draft, sign_report  # noqa: E402
from tests.e2e.paper import write_pdf  # noqa: E402

# Every third submission is answered.
SHARE = 3


def is_answered_here(request_uuid: uuid.UUID | str) -> bool:
    """Return whether this reviewer answers the submission."""
    return uuid.UUID(str(request_uuid)).int % SHARE == 0


def answer_all(folder: Path) -> None:
    """Sign a report for every ready submission that needs one; raises DatabaseError."""
    signed = Report.objects.signed().values("submission")
    waiting = Submission.objects.filter(state=Submission.State.READY).exclude(pk__in=signed)
    for submission in waiting:
        if not is_answered_here(submission.request_uuid):
            continue
        path = write_pdf(folder / f"{submission.uuid}.pdf")
        with path.open("rb") as source:
            draft = create_draft(
                submission=submission,
                author=None,
                name="Chaos report",
                upload=File(source, name=path.name),
                address=None,
            )
        sign_report(report=draft, user=None, address=None)


if __name__ == "__main__":
    while True:
        close_old_connections()
        try:
            answer_all(Path(sys.argv[1]))
        except (DatabaseError, InterfaceError) as error:
            print(f"The reviewer waits: {type(error).__name__}", flush=True)
        time.sleep(0.5)
