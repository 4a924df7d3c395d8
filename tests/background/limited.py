"""The embedded worker as a process with a limited job, which waits at each row until a file exists."""

import os
import time
from datetime import timedelta
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from background.leases import Hold  # noqa: E402
from background.runner import Done, Job, Outcome, register  # noqa: E402
from portal.management.commands.worker import Command  # noqa: E402
from tests.background.rows import Work  # noqa: E402

LET_GO = Path(os.environ["TEST_MAIL"]).parent / "let-go"


def work_slowly(row: Work, hold: Hold) -> Outcome:
    """Wait for the file, then work on the row."""
    while not LET_GO.exists():
        time.sleep(0.05)
    return Done({"state": "done", "effect_count": row.effect_count + 1})


register(
    Job(
        name="tests.work_slowly",
        model=Work,
        work=work_slowly,
        deadline=timedelta(minutes=1),
        is_limited=True,
    )
)
call_command(Command())
